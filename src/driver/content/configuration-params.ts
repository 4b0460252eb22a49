import { CodedError } from '../../shared/errors.ts';
import type { JsonObject, JsonValue } from '../../shared/json.ts';
import { isJsonObject, jsonAt, jsonItems, jsonMember, jsonObject, jsonText } from '../../shared/json.ts';
import { listed, listedInQuotes, quote, unsubstitutedIn } from '../../shared/message-text.ts';
import type {
  ConfigurationParam,
  ConfigurationParamType,
  ConnectorClass,
  ParamProperty,
} from '../../shared/connectors/model.ts';
import type { SelectedConfiguration } from './configuration-selection.ts';
import { driverLimits } from '../limits.ts';

const { problems: maxProblems } = driverLimits.messages;

const attribute = 'attribute "configuration.params"';

/**
 * Returns the params of each configuration for its templates: the volume's values, then the defaults. A configuration
 * that declares no params accepts any.
 * @param given the whole attribute `configuration.params`.
 * @throws {CodedError} INVALID_ARGUMENT with up to 20 problems of the given values; FAILED_PRECONDITION for a default
 * of a class that violates the class's own rules.
 */
export function resolveParams(owners: readonly SelectedConfiguration[], given: JsonObject): readonly JsonObject[] {
  const problems: string[] = [];
  const resolved: JsonObject[] = [];
  for (const owner of owners) {
    resolved.push(paramsOf(owner, given, problems));
    if (problems.length >= maxProblems) break;
  }
  if (problems.length > 0) throw new CodedError('INVALID_ARGUMENT', [...new Set(problems)].join('; '));
  return resolved;
}

function paramsOf(owner: SelectedConfiguration, given: JsonObject, problems: string[]): JsonObject {
  const { name, params } = owner.configuration;
  const values = jsonObject(given, name);
  const own: string[] = [];
  const resolved = params.length === 0 ? undeclared(values, own) : declared(owner, values, own);
  problems.push(...own.map((problem) => `${attribute}: configuration ${name}${problem}`));
  const variable = own.length === 0 ? undefined : unsubstitutedIn(stringsIn(values));
  if (variable !== undefined) problems.push(`${attribute} ${variable}`);
  return resolved;
}

/** Returns the values unchanged, after a check of their types. */
function undeclared(values: JsonObject, problems: string[]): JsonObject {
  for (const [name, value] of Object.entries(values)) {
    const problem = undeclaredValueProblem(value);
    if (problem !== undefined) problems.push(`, param ${quote(name)} ${problem}`);
    if (problems.length >= maxProblems) break;
  }
  return values;
}

function declared(owner: SelectedConfiguration, values: JsonObject, problems: string[]): JsonObject {
  const { params } = owner.configuration;
  const names = new Set(params.map(({ name }) => name));
  const unknown = Object.keys(values).filter((name) => !names.has(name));
  if (unknown.length > 0) {
    const hint = connectorParamHint(owner.group.connectorClass, unknown);
    problems.push(` has no param ${listedInQuotes(unknown)}; declared are: ${listed(names)}${hint}`);
  }
  const resolved = params.map((param): readonly [string, JsonValue] => {
    const value = jsonMember(values, param.name);
    return [param.name, value === undefined ? defaultOf(param, owner, problems) : valueOf(param, value, problems)];
  });
  return Object.fromEntries(resolved);
}

/** Returns where to set those of the names that the class declares for its Connectors, whose params look the same. */
function connectorParamHint({ object }: ConnectorClass, unknown: readonly string[]): string {
  const declaredNames = new Set(jsonItems(jsonAt(object, 'spec', 'params')).map((param) => jsonText(param, 'name')));
  const misplaced = unknown.filter((name) => declaredNames.has(name));
  return misplaced.length === 0 ? '' : `; set ${listedInQuotes(misplaced)} in spec.params of the Connector`;
}

function valueOf(param: ConfigurationParam, value: JsonValue, problems: string[]): JsonValue {
  const problem = valueProblem(param, value);
  if (problem !== undefined) problems.push(`, param "${param.name}" ${problem}`);
  if (param.properties === undefined || problem !== undefined || !isJsonObject(value)) return value;
  const own: string[] = [];
  const whole = withProperties(param.properties, param.default, value, own);
  problems.push(...own.map((each) => `, param "${param.name}" ${each}`));
  return whole;
}

function defaultOf(
  param: ConfigurationParam,
  { group, configuration }: SelectedConfiguration,
  problems: string[],
): JsonValue {
  const { properties } = param;
  // Without a default of its own, an object is complete if all its properties have defaults.
  const isWhole = properties !== undefined && [...properties.values()].every((each) => each.default !== undefined);
  const value = param.default ?? (isWhole ? {} : undefined);
  if (value === undefined) {
    problems.push(`: param "${param.name}" is required and must be ${typeDescriptions[param.type]}`);
    return null;
  }
  const own: string[] = [];
  const problem = valueProblem(param, value);
  if (problem !== undefined) own.push(problem);
  const whole =
    properties === undefined || !isJsonObject(value) ? value : withProperties(properties, undefined, value, own);
  if (own.length === 0) return whole;
  const message = `connectorclass ${group.connectorClass.name}, configuration ${configuration.name}: the default of param "${param.name}" ${own.join('; ')}`;
  throw new CodedError('FAILED_PRECONDITION', message);
}

/** Returns a text with all strings of the values. */
function stringsIn(values: JsonObject): string {
  return JSON.stringify(values, (_key, value: unknown) => (typeof value === 'bigint' ? null : value));
}

const typeDescriptions: Readonly<Record<ConfigurationParamType, string>> = {
  string: 'a string',
  array: 'a list of strings',
  object: 'an object of strings',
};

/** Returns the problem of an undeclared param's value; undefined if there is none. */
function undeclaredValueProblem(value: JsonValue): string | undefined {
  const types = Object.keys(typeDescriptions) as readonly ConfigurationParamType[];
  if (types.some((type) => isOfType(type, value))) return undefined;
  return `must be ${typeDescriptions.string}, ${typeDescriptions.array} or ${typeDescriptions.object}`;
}

/** Returns the problem of a declared param's value, without its properties; undefined if there is none. */
function valueProblem({ type, enum: allowed }: ConfigurationParam, value: JsonValue): string | undefined {
  if (!isOfType(type, value)) return `must be ${typeDescriptions[type]}`;
  return allowed === undefined || isAllowed(allowed, value) ? undefined : offEnumeration(allowed);
}

/**
 * Adds defaults for missing properties: the property's own, else the one in the param's default.
 * @param problems receives properties that are missing, undeclared or invalid.
 */
function withProperties(
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
