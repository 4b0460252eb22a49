import type { ConnectorRef } from '../../shared/connectors/model.ts';
import { formatDuration, parseGoDuration } from '../../shared/duration.ts';
import type { JsonObject, JsonValue } from '../../shared/json.ts';
import { isJsonObject, jsonIn } from '../../shared/json.ts';
import { listedInQuotes, quote, unsubstitutedIn } from '../../shared/message-text.ts';
import { attributeNames, attributeTable, isAttributeName, kubeletPrefix } from './attribute-table.ts';
import type { AttributeName } from './attribute-table.ts';
import { parseConnectors, listItems } from './connector-attributes.ts';
import type { AttributeReader } from './connector-attributes.ts';
import { driverLimits } from '../limits.ts';

const { problems: maxProblems } = driverLimits.messages;
const { attributeBytes: maxBytes, configurationNames: maxNames, paramValues: maxValues } = driverLimits.volume;
const connectorAttributes = ['connectors', 'connector.name', 'connector.namespace'] as const;

/** The volume that the pod's author requests in `volumeAttributes`. */
export interface VolumeAttributes {
  /** In the author's order; never empty, no duplicates. */
  readonly connectors: readonly ConnectorRef[];
  /** Configurations to render, in the author's order. */
  readonly includedConfigurations: readonly string[];
  /** Files to remove from the final mount. */
  readonly excludedFiles: readonly string[];
  /**
   * JSON text of the params of the included configurations, by configuration name. A text, because parsed JSON of small
   * values takes up to 44 times its length in memory.
   */
  readonly configurationParams: string;
  /** Absent: the token that the kubelet passes. */
  readonly tokenExpirationMs?: number;
}

/** Returns the params of the included configurations, parsed for one render. */
export function paramsOf({ configurationParams }: VolumeAttributes): JsonObject {
  return JSON.parse(configurationParams) as JsonObject;
}

export interface AttributeLimits {
  /** The operator's limit, in milliseconds. */
  readonly maxTokenExpirationMs: number;
}

/**
 * Parses the author's attributes. All problems are reported, up to a limit, as one sentence each that quotes the
 * attribute and the permitted values.
 * @param podNamespace the namespace of connectors named without one.
 */
export function parseVolumeAttributes(
  context: Readonly<Record<string, string>>,
  podNamespace: string,
  limits: AttributeLimits,
): { readonly attributes: VolumeAttributes; readonly problems: readonly string[] } {
  const unknown = Object.keys(context).filter((name) => !isAttributeName(name) && !name.startsWith(kubeletPrefix));
  const problems = unknown.map(unknownProblem);
  const { given, tooLong } = readGiven(context);
  problems.push(...tooLong);
  const read: AttributeReader = (name) => given.get(name);
  const collect = <T>(names: readonly AttributeName[], parse: (own: string[]) => T): T => {
    const own: string[] = [];
    const result = parse(own);
    // A value over its limit is reported already; its absence is no second mistake.
    if (own.length > 0 && tooLong.length === 0) problems.push(...variableProblems(names, read), ...own);
    return result;
  };
  const connectors = collect(connectorAttributes, (own) => parseConnectors(read, podNamespace, own));
  const selectors = collect(['configuration.names'], (own) => parseSelectors(read('configuration.names'), own));
  const attributes: VolumeAttributes = {
    connectors,
    ...selectors,
    configurationParams: collect(['configuration.params'], (own) =>
      parseParams(read('configuration.params'), new Set(selectors.includedConfigurations), own),
    ),
    ...collect(['token.expiration'], (own) => parseTokenExpiration(read('token.expiration'), limits, own)),
  };
  return { attributes, problems: abridged(problems) };
}

/** Returns the attributes with a value, and one problem for each over its size limit. */
function readGiven(context: Readonly<Record<string, string>>): {
  readonly given: ReadonlyMap<AttributeName, string>;
  readonly tooLong: readonly string[];
} {
  const given = new Map<AttributeName, string>();
  const tooLong: string[] = [];
  for (const name of attributeNames) {
    const value = Object.hasOwn(context, name) ? (context[name] ?? '') : '';
    if (Buffer.byteLength(value) > maxBytes) tooLong.push(`attribute "${name}" is over ${maxBytes / 1024} KiB`);
    else if (value.trim() !== '') given.set(name, value);
  }
  return { given, tooLong };
}

function unknownProblem(name: string): string {
  return `unknown attribute ${quote(name)}: allowed are ${attributeNames.join(', ')}`;
}

/** Reports variables that were not substituted: they are the cause of any other problem with a value. */
function variableProblems(names: readonly AttributeName[], read: AttributeReader): readonly string[] {
  return names.flatMap((name) => {
    const problem = unsubstitutedIn(read(name) ?? '');
    return problem === undefined ? [] : [`attribute "${name}" ${problem}`];
  });
}

/** Truncates the list, because a pod's author can write hundreds of mistakes. */
function abridged(problems: readonly string[]): readonly string[] {
  const more = problems.length - maxProblems;
  return more <= 0 ? problems : [...problems.slice(0, maxProblems), `and ${more} more problems`];
}

function parseSelectors(
  list: string | undefined,
  problems: string[],
): Pick<VolumeAttributes, 'includedConfigurations' | 'excludedFiles'> {
  const included = new Set<string>();
  const excluded = new Set<string>();
  const items = list === undefined ? [] : listItems(list, maxNames);
  if (items.length > maxNames) {
    problems.push(`attribute "configuration.names" has over ${maxNames} items: use fewer`);
    return { includedConfigurations: [], excludedFiles: [] };
  }
  for (const item of items) {
    const bare = item.replace(/^!/, '').trim();
    if (bare === '') {
      problems.push(
        `attribute "configuration.names" ${quote(list ?? '')} has an empty item: allowed are configuration names and !FILE`,
      );
    } else if (!isPlainName(bare)) {
      problems.push(
        `attribute "configuration.names" item ${quote(item)}: only letters, digits, "-", "." and "_" are allowed, at most 253`,
      );
    } else {
      (item.startsWith('!') ? excluded : included).add(bare);
    }
  }
  return { includedConfigurations: [...included], excludedFiles: [...excluded] };
}

function isPlainName(name: string): boolean {
  return /^[-._a-zA-Z0-9]{1,253}$/.test(name);
}

/**
 * Returns the JSON text of the included configurations' params. The strict reader takes 30 times as long, and a pod that
 * keeps failing pays for each call, so it does not read thousands of values of other configurations.
 */
function parseParams(text: string | undefined, included: ReadonlySet<string>, problems: string[]): string {
  if (text === undefined) return '{}';
  const attribute = 'attribute "configuration.params"';
  const shape = 'a JSON object {"CONFIGURATION": {"PARAM": value}}';
  const given = lenientJsonIn(text);
  if (given === undefined) {
    problems.push(`${attribute} is not valid JSON; it must be ${shape}`);
    return '{}';
  }
  if (!isJsonObject(given)) {
    problems.push(`${attribute} must be ${shape}`);
    return '{}';
  }
  const others = Object.keys(given).filter((name) => !isJsonObject(given[name]));
  const params = Object.fromEntries(Object.entries(given).filter(([name]) => included.has(name)));
  if (others.length > 0) {
    problems.push(`${attribute}: the value of ${listedInQuotes(others)} must be an object {"PARAM": value}`);
  } else if (hasTooMany(params)) {
    problems.push(`${attribute} has over ${maxValues} values for this volume: use fewer`);
  } else if (!hasTooMany(given) && jsonIn(text) === undefined) {
    problems.push(`${attribute} is not valid JSON: a key is there twice, or a number is too large`);
  } else return JSON.stringify(params);
  return '{}';
}

function lenientJsonIn(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}

/** Reports whether params have too many values. Of fewer, none is nested too deep for a recursive function. */
function hasTooMany(params: JsonObject): boolean {
  const rest = Object.values(params);
  let count = 0;
  for (let value = rest.pop(); value !== undefined && count <= maxValues; value = rest.pop()) {
    count += 1;
    if (typeof value === 'object' && value !== null) rest.push(...Object.values(value));
  }
  return count > maxValues;
}

function parseTokenExpiration(
  text: string | undefined,
  { maxTokenExpirationMs }: AttributeLimits,
  problems: string[],
): Pick<VolumeAttributes, 'tokenExpirationMs'> {
  if (text === undefined) return {};
  const nanoseconds = parseGoDuration(text.trim());
  if (nanoseconds === undefined) {
    problems.push(`attribute "token.expiration" ${quote(text)} is not a duration: write for example "30m" or "1h30m"`);
    return {};
  }
  // Compared exactly, as the admission policies do: fractions of a millisecond count.
  if (nanoseconds < nanosecondsIn(attributeTable['token.expiration'].minMs)) {
    problems.push(`attribute "token.expiration" ${quote(text)} is too short: the API server's minimum is 10m`);
  } else if (nanoseconds > nanosecondsIn(maxTokenExpirationMs)) {
    problems.push(
      `attribute "token.expiration" ${quote(text)} is too long: at most ${formatDuration(maxTokenExpirationMs)} (--max-token-expiration of the driver)`,
    );
  }
  return { tokenExpirationMs: Number(nanoseconds / 1_000_000n) };
}

function nanosecondsIn(durationMs: number): bigint {
  return BigInt(durationMs) * 1_000_000n;
}
