import type { JsonObject, JsonValue } from '../../shared/json.ts';
import { isJsonObject, jsonMember } from '../../shared/json.ts';
import { listed, listedInQuotes } from '../../shared/message-text.ts';
import type { ConfigurationParam, ParamProperty, ConfigurationParamType } from '../../shared/connectors/model.ts';

export const typeDescriptions: Readonly<Record<ConfigurationParamType, string>> = {
  string: 'a string',
  array: 'a list of strings',
  object: 'an object of strings',
};

/** Returns the problem of an undeclared param's value; undefined if there is none. */
export function undeclaredValueProblem(value: JsonValue): string | undefined {
  const types = Object.keys(typeDescriptions) as readonly ConfigurationParamType[];
  if (types.some((type) => isOfType(type, value))) return undefined;
  return `must be ${typeDescriptions.string}, ${typeDescriptions.array} or ${typeDescriptions.object}`;
}

/** Returns the problem of a declared param's value, without its properties; undefined if there is none. */
export function valueProblem({ type, enum: allowed }: ConfigurationParam, value: JsonValue): string | undefined {
  if (!isOfType(type, value)) return `must be ${typeDescriptions[type]}`;
  return allowed === undefined || isAllowed(allowed, value) ? undefined : offEnumeration(allowed);
}

/**
 * Adds defaults for missing properties: the property's own, else the one in the param's default.
 * @param problems receives properties that are missing, undeclared or invalid.
 */
export function withProperties(
  properties: ReadonlyMap<string, ParamProperty>,
  fallback: JsonValue | undefined,
  given: JsonObject,
  problems: string[],
): JsonObject {
  const unknown = Object.keys(given).filter((name) => !properties.has(name));
  if (unknown.length > 0) {
    problems.push(`has no property ${listedInQuotes(unknown)}; declared are: ${listed(properties.keys())}`);
  }
  const values = [...properties].flatMap(([name, { default: own, enum: allowed }]) => {
    const value = jsonMember(given, name) ?? own ?? jsonMember(fallback, name);
    if (value === undefined) problems.push(`needs the property "${name}", a string`);
    else if (allowed !== undefined && !isAllowed(allowed, value)) {
      problems.push(`property "${name}" ${offEnumeration(allowed)}`);
    }
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(values);
}

function offEnumeration(allowed: readonly JsonValue[]): string {
  return `must be one of ${listed(allowed.map(toText))}`;
}

/**
 * Reports whether the enumeration contains the value. For a list, it can contain whole lists or the permitted elements.
 */
function isAllowed(allowed: readonly JsonValue[], value: JsonValue): boolean {
  const texts = new Set(allowed.map(toText));
  const isListed = (wanted: JsonValue): boolean => texts.has(toText(wanted));
  return isListed(value) || (Array.isArray(value) && (value as readonly JsonValue[]).every(isListed));
}

function isOfType(type: ConfigurationParamType, value: JsonValue): boolean {
  const isString = (item: JsonValue): boolean => typeof item === 'string';
  switch (type) {
    case 'string':
      return isString(value);
    case 'array':
      return Array.isArray(value) && (value as readonly JsonValue[]).every(isString);
    case 'object':
      return isJsonObject(value) && Object.values(value).every(isString);
  }
}

/** Returns JSON with sorted members, so that equal values give equal strings. */
function toText(value: JsonValue): string {
  return JSON.stringify(value, (_key, member: JsonValue) => {
    if (typeof member === 'bigint') return member.toString();
    return isJsonObject(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member;
  });
}
