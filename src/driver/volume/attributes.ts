import { parseGoDurationMs } from '../../duration.js';
import type { JsonObject } from '../../json.js';
import { isJsonObject, parseJson } from '../../json.js';
import { dns1123LabelProblem, dns1123SubdomainProblem } from './names.js';
import type { ConnectorRef } from '../../connectors/model.js';

const maxConnectors = 32;
const maxParamsBytes = 64 * 1024;
/** Far more names than a volume may have files; what looks for each of them need not think of more. */
const maxSelectorsLength = 64 * 1024;
/** More than anybody mends at once. */
const maxProblems = 20;
/** The API server mints no token that lives shorter than this or longer than 2^32 seconds. */
const minTokenExpirationMs = 10 * 60_000;
const maxTokenExpirationMs = 2 ** 32 * 1000;

/** Attributes under this prefix are the kubelet's; volume authors have no business there and they are not ours to judge. */
export const kubeletPrefix = 'csi.storage.k8s.io/';

const attributeNames = [
  'connectors',
  'connector.name',
  'connector.namespace',
  'configuration.names',
  'configuration.params',
  'token.expiration',
] as const;
type AttributeName = (typeof attributeNames)[number];

/** What the pod's author asked for in `volumeAttributes`. */
export interface VolumeAttributes {
  /** In the author's order; never empty, no duplicates. */
  readonly connectors: readonly ConnectorRef[];
  /** Configurations to render, in the author's order. */
  readonly includedConfigurations: readonly string[];
  /** Files to leave out of the final mount. */
  readonly excludedFiles: readonly string[];
  /** By configuration name; checked against the declared params only when the configuration is selected. */
  readonly configurationParams: JsonObject;
  /** Absent: the token that the kubelet passes. */
  readonly tokenExpirationMs?: number;
}

/**
 * Reads the author's attributes. All problems are reported, up to a bound, one sentence each, which quotes the attribute
 * and says what is allowed.
 * @param podNamespace the namespace of connectors named without one.
 */
export function parseVolumeAttributes(
  context: Readonly<Record<string, string>>,
  podNamespace: string,
): { readonly attributes: VolumeAttributes; readonly problems: readonly string[] } {
  const problems: string[] = [];
  const isKnown = (name: string): boolean => (attributeNames as readonly string[]).includes(name);
  for (const name of Object.keys(context)) {
    if (!isKnown(name) && !name.startsWith(kubeletPrefix)) {
      problems.push(`unknown attribute ${quote(name)}: allowed are ${attributeNames.join(', ')}`);
    }
  }
  const read = (name: AttributeName): string | undefined => (Object.hasOwn(context, name) ? context[name] : undefined);
  const selection = parseSelectors(read('configuration.names'), problems);
  const tokenExpirationMs = parseTokenExpiration(read('token.expiration'), problems);
  const attributes: VolumeAttributes = {
    connectors: parseConnectors(read, podNamespace, problems),
    ...selection,
    configurationParams: parseParams(read('configuration.params'), problems),
    ...(tokenExpirationMs === undefined ? {} : { tokenExpirationMs }),
  };
  return { attributes, problems: abridged(problems) };
}

/** A pod's author can write a hundred thousand mistakes, and log and event are not to grow with them. */
function abridged(problems: readonly string[]): readonly string[] {
  if (problems.length <= maxProblems) return problems;
  return [...problems.slice(0, maxProblems), `and ${problems.length - maxProblems} more problems`];
}

function parseConnectors(
  read: (name: AttributeName) => string | undefined,
  podNamespace: string,
  problems: string[],
): readonly ConnectorRef[] {
  const list = read('connectors');
  const name = read('connector.name');
  const namespace = read('connector.namespace');
  if (list !== undefined && (name !== undefined || namespace !== undefined)) {
    problems.push(
      'attributes "connectors" and "connector.name" name the same thing: keep "connectors" and drop the other',
    );
    return [];
  }
  if (list !== undefined) return parseConnectorList(list, podNamespace, problems);
  if (name !== undefined) {
    const ref = { namespace: (namespace ?? podNamespace).trim(), name: name.trim() };
    const item = namespace === undefined ? ref.name : `${ref.namespace}/${ref.name}`;
    checkRef(ref, 'connector.name', item, problems);
    return [ref];
  }
  problems.push('attribute "connectors" is missing: name at least one connector, as NAME or NAMESPACE/NAME');
  return [];
}

function parseConnectorList(list: string, podNamespace: string, problems: string[]): readonly ConnectorRef[] {
  const items = list.split(',').map((item) => item.trim());
  if (items.length > maxConnectors) {
    problems.push(`attribute "connectors" names ${items.length} connectors: at most ${maxConnectors} are allowed`);
    return [];
  }
  const refs = new Map<string, ConnectorRef>();
  for (const item of items) {
    if (item === '') {
      problems.push(`attribute "connectors" ${quote(list)} has an empty item: separate names by single commas`);
      continue;
    }
    const slash = item.indexOf('/');
    const ref =
      slash < 0
        ? { namespace: podNamespace, name: item }
        : { namespace: item.slice(0, slash), name: item.slice(slash + 1) };
    if (!checkRef(ref, 'connectors', item, problems)) continue;
    const key = `${ref.namespace}/${ref.name}`;
    if (refs.has(key)) problems.push(`attribute "connectors" names ${quote(key)} twice: name each connector once`);
    refs.set(key, ref);
  }
  return [...refs.values()];
}

function checkRef(ref: ConnectorRef, attribute: AttributeName, item: string, problems: string[]): boolean {
  const nameProblem = dns1123SubdomainProblem(ref.name);
  // The pod's own namespace is the kubelet's word, judged with the rest of the pod's identity.
  const namespaceProblem = item.includes('/') ? dns1123LabelProblem(ref.namespace) : undefined;
  for (const [part, problem] of [
    ['namespace', namespaceProblem],
    ['name', nameProblem],
  ] as const) {
    if (problem !== undefined) {
      problems.push(
        `attribute ${quote(attribute)} item ${quote(item)}: the ${part} ${problem} (NAME or NAMESPACE/NAME)`,
      );
    }
  }
  return nameProblem === undefined && namespaceProblem === undefined;
}

function parseSelectors(
  list: string | undefined,
  problems: string[],
): Pick<VolumeAttributes, 'includedConfigurations' | 'excludedFiles'> {
  const included = new Set<string>();
  const excluded = new Set<string>();
  if (list !== undefined && list.length > maxSelectorsLength) {
    problems.push(`attribute "configuration.names" is over ${maxSelectorsLength / 1024} KiB`);
  } else if (list !== undefined) {
    for (const item of list.split(',').map((part) => part.trim())) {
      const bare = item.replace(/^!/, '').trim();
      if (bare === '') {
        problems.push(
          `attribute "configuration.names" ${quote(list)} has an empty item: allowed are configuration names and !FILE`,
        );
      } else if (!isPlainName(bare)) {
        problems.push(
          `attribute "configuration.names" item ${quote(item)}: only letters, digits, "-", "." and "_" are allowed, at most 253`,
        );
      } else {
        (item.startsWith('!') ? excluded : included).add(bare);
      }
    }
  }
  return { includedConfigurations: [...included], excludedFiles: [...excluded] };
}

function isPlainName(name: string): boolean {
  return /^[-._a-zA-Z0-9]{1,253}$/.test(name);
}

function parseParams(text: string | undefined, problems: string[]): JsonObject {
  if (text === undefined || text.trim() === '') return {};
  const shape = 'a JSON object {"CONFIGURATION": {"PARAM": value}}';
  if (Buffer.byteLength(text) > maxParamsBytes) {
    problems.push(`attribute "configuration.params" is over ${maxParamsBytes / 1024} KiB`);
    return {};
  }
  try {
    const value = parseJson(text);
    if (!isJsonObject(value)) {
      problems.push(`attribute "configuration.params" must be ${shape}`);
      return {};
    }
    for (const [configuration, params] of Object.entries(value)) {
      if (!isJsonObject(params)) {
        problems.push(
          `attribute "configuration.params": the value of ${quote(configuration)} must be an object {"PARAM": value}`,
        );
      }
    }
    return value;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    problems.push(`attribute "configuration.params" is not valid JSON; it must be ${shape}`);
    return {};
  }
}

function parseTokenExpiration(text: string | undefined, problems: string[]): number | undefined {
  if (text === undefined) return undefined;
  const expirationMs = parseGoDurationMs(text.trim());
  if (expirationMs === undefined) {
    problems.push(`attribute "token.expiration" ${quote(text)} is not a duration: write for example "30m" or "1h30m"`);
  } else if (expirationMs < minTokenExpirationMs) {
    problems.push(`attribute "token.expiration" ${quote(text)} is too short: the API server's minimum is 10m`);
  } else if (expirationMs > maxTokenExpirationMs) {
    problems.push(`attribute "token.expiration" ${quote(text)} is too long: the API server's maximum is 2^32 seconds`);
  }
  return expirationMs;
}

/** Quotes what somebody wrote for an error message: escaped, one line, at most 100 characters. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}
