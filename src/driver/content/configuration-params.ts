import { DriverError } from '../../errors.js';
import type { JsonObject, JsonValue } from '../../json.js';
import { isJsonObject, jsonMember } from '../../json.js';
import type { Configuration, ConfigurationParam, ParamType } from '../../connectors/model.js';

const typeDescriptions: Readonly<Record<ParamType, string>> = {
  string: 'a string',
  array: 'a list of strings',
  object: 'an object of strings',
};

/** More than anybody reads; a class may have configurations by the thousand that all have the same ones. */
const enoughProblems = 100;

/** What the params of a configuration are resolved for. */
export interface ParamsOwner {
  readonly className: string;
  readonly configuration: Configuration;
}

/**
 * The params that the templates of each configuration see: what the volume gives, else the defaults.
 * @param given the whole of the attribute `configuration.params`.
 * @throws {DriverError} INVALID_ARGUMENT with all problems of the given values, or a hundred; FAILED_PRECONDITION for a default of a
 * class that breaks its own rules.
 */
export function resolveParams(owners: readonly ParamsOwner[], given: JsonObject): readonly JsonObject[] {
  const problems: string[] = [];
  const resolved: JsonObject[] = [];
  for (const owner of owners) {
    resolved.push(paramsOf(owner, given, problems));
    if (problems.length >= enoughProblems) break;
  }
  if (problems.length > 0) throw new DriverError('INVALID_ARGUMENT', [...new Set(problems)].join('; '));
  return resolved;
}

function paramsOf({ className, configuration }: ParamsOwner, given: JsonObject, problems: string[]): JsonObject {
  const values = jsonMember(given, configuration.name);
  const owner = `attribute "configuration.params": configuration ${configuration.name}`;
  const declared = new Set(configuration.params.map((param) => param.name));
  const unknown = isJsonObject(values) ? Object.keys(values).filter((name) => !declared.has(name)) : [];
  if (unknown.length > 0) {
    const names = unknown.map((name) => `"${name}"`).join(', ');
    problems.push(`${owner} has no param ${names}; declared are: ${[...declared].join(', ') || 'none'}`);
  }
  const resolved = configuration.params.map((param): readonly [string, JsonValue] => {
    const value = jsonMember(values, param.name);
    if (value === undefined) return [param.name, defaultOf(param, className, configuration.name, problems, owner)];
    const problem = valueProblem(param, value);
    if (problem !== undefined) problems.push(`${owner}, param "${param.name}" ${problem}`);
    return [param.name, value];
  });
  return Object.fromEntries(resolved);
}

function defaultOf(
  param: ConfigurationParam,
  className: string,
  configurationName: string,
  problems: string[],
  owner: string,
): JsonValue {
  if (param.default === undefined) {
    problems.push(`${owner}: param "${param.name}" is required and must be ${typeDescriptions[param.type]}`);
    return null;
  }
  const problem = valueProblem(param, param.default);
  if (problem !== undefined) {
    throw new DriverError(
      'FAILED_PRECONDITION',
      `connectorclass ${className}, configuration ${configurationName}: the default of param "${param.name}" ${problem}`,
    );
  }
  return param.default;
}

function valueProblem({ type, enum: allowed }: ConfigurationParam, value: JsonValue): string | undefined {
  if (!isOfType(type, value)) return `must be ${typeDescriptions[type]}`;
  if (allowed === undefined || isAllowed(allowed, value)) return undefined;
  return `must be one of ${allowed.map((candidate) => toText(candidate)).join(', ')}`;
}

/** Of a list, the enumeration may have whole lists or what each element may be. */
function isAllowed(allowed: readonly JsonValue[], value: JsonValue): boolean {
  const listed = new Set(allowed.map(toText));
  const isListed = (wanted: JsonValue): boolean => listed.has(toText(wanted));
  return isListed(value) || (Array.isArray(value) && (value as readonly JsonValue[]).every(isListed));
}

function isOfType(type: ParamType, value: JsonValue): boolean {
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

/** As JSON, members sorted: the same for equal values. */
function toText(value: JsonValue): string {
  return JSON.stringify(value, (_key, member: JsonValue) => {
    if (typeof member === 'bigint') return member.toString();
    return isJsonObject(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member;
  });
}
