import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { isMap, isScalar, isSeq } from 'yaml';
import type { LineCounter, Node, YAMLMap } from 'yaml';
import { connectorsGroup } from './api-group.js';
import { featureFlagKeys, flagsConfigMapName } from './feature-flags.js';
import { CodedError } from '../errors.js';
import { YamlError, parseYamlNodes } from '../kube/yaml-documents.js';
import { didYouMean } from '../spelling.js';
import { quote } from '../wording.js';
import fields from './generated/manifest-fields.json' with { type: 'json' };

/** Names of fields, nested; `true` if a field's content is not described. */
type Fields = true | { readonly [name: string]: Fields };

/** Content of a directory of manifests, apart from files that cannot be read. */
export interface ManifestNotes {
  readonly files: number;
  readonly objects: number;
  /** `NAMESPACE/NAME` of each Connector. */
  readonly connectors: readonly string[];
  /** Name of each ConnectorClass. */
  readonly classes: readonly string[];
  /** Files, kinds and fields that are not used, each with its place and the name that was probably meant. */
  readonly warnings: readonly string[];
}

/** An object of a file. */
interface Manifest {
  readonly map: YAMLMap;
  /** Returns the place of a node: `FILE:LINE`. */
  readonly at: (node: unknown) => string;
  /** Name in messages: `connector ci/harbor`. */
  readonly owner: string;
  readonly kind: string;
  readonly apiVersion: string;
}

/** Finds in a directory of manifests what the author wrote and no command uses. Broken files are left out. */
export function readManifestNotes(directory: string): ManifestNotes {
  const names = namesIn(directory).sort();
  const isManifest = (name: string): boolean => /^[^.].*\.(ya?ml|json)$/.test(name);
  const skipped = names
    .filter((name) => !isManifest(name))
    .map((name) => `${name}: not read: only *.yaml, *.yml and *.json are`);
  const files = names.filter(isManifest);
  const manifests = files.flatMap((name) => manifestsIn(directory, name));
  const classes = new Map(
    manifests
      .filter((each) => isOurs(each) && each.kind === 'ConnectorClass')
      .map(({ map }) => [textAt(map, 'metadata', 'name'), map]),
  );
  const warnings = manifests.flatMap((manifest) => [
    ...kindWarnings(manifest),
    ...fieldWarnings(manifest),
    ...valueWarnings(manifest, classes),
  ]);
  const connectors = manifests.flatMap((each) =>
    isOurs(each) && each.kind === 'Connector' ? [each.owner.replace(/^connector /, '')] : [],
  );
  return {
    files: files.length,
    objects: manifests.length,
    connectors,
    classes: [...classes.keys()],
    warnings: [...skipped, ...warnings],
  };
}

/** @throws {CodedError} FAILED_PRECONDITION if the directory cannot be read. */
function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT') throw new CodedError('FAILED_PRECONDITION', `--manifests ${directory} does not exist`);
    if (code === 'ENOTDIR') {
      throw new CodedError('FAILED_PRECONDITION', `--manifests ${directory} is a file: name its directory`);
    }
    throw new CodedError('FAILED_PRECONDITION', `--manifests ${directory} cannot be read`, { cause: error });
  }
}

function manifestsIn(directory: string, file: string): readonly Manifest[] {
  try {
    const { documents, lines } = parseYamlNodes(readFileSync(path.join(directory, file), 'utf8'));
    const at = (node: unknown): string => `${file}:${lineOf(node, lines)}`;
    return documents.flatMap(({ contents }) => itemsOf(contents)).map((map) => manifestOf(map, at));
  } catch (error) {
    if (error instanceof YamlError || (error instanceof Error && 'syscall' in error)) return [];
    throw error;
  }
}

/** Returns the items of a `kind: List`, or the object itself. */
function itemsOf(contents: unknown): readonly YAMLMap[] {
  if (!isMap(contents)) return [];
  const items = contents.get('items', true);
  return textAt(contents, 'kind') === 'List' && isSeq(items) ? items.items.filter((item) => isMap(item)) : [contents];
}

function manifestOf(map: YAMLMap, at: Manifest['at']): Manifest {
  const kind = textAt(map, 'kind');
  const [namespace, name] = [textAt(map, 'metadata', 'namespace'), textAt(map, 'metadata', 'name')];
  const owner = `${kind.toLowerCase()} ${namespace === '' ? '' : `${namespace}/`}${name}`;
  return { map, at, owner, kind, apiVersion: textAt(map, 'apiVersion') };
}

function lineOf(node: unknown, lines: LineCounter): number {
  return lines.linePos((node as Node | null)?.range?.[0] ?? 0).line;
}

function textAt(map: YAMLMap, ...keys: readonly string[]): string {
  const value = map.getIn(keys);
  return typeof value === 'string' ? value : '';
}

function isOurs({ apiVersion }: Manifest): boolean {
  return apiVersion.startsWith(`${connectorsGroup}/`);
}

function kindWarnings(manifest: Manifest): readonly string[] {
  const { map, at, kind, apiVersion } = manifest;
  const known = [...Object.keys(fields), 'AccessRequest'];
  if (kind === '') return [`${at(map)}: the object has no kind, and is not used`];
  if (apiVersion === '') return [`${at(map)}: ${kind} has no apiVersion, and is not used`];
  if (isOurs(manifest) && !known.includes(kind)) {
    return [`${at(map)}: ${quote(kind)} is no kind of ${connectorsGroup}, and is not used${didYouMean(kind, known)}`];
  }
  return [];
}

function fieldWarnings(manifest: Manifest): readonly string[] {
  const { map, kind, owner, at } = manifest;
  const data = map.get('data', true);
  if (kind === 'ConfigMap' && textAt(map, 'metadata', 'name') === flagsConfigMapName && isMap(data)) {
    const known = Object.fromEntries(featureFlagKeys.map((key) => [key, true] as const));
    return [...unknownFields(data, known, 'data')].map(([node, text]) => `${at(node)}: ${owner}: ${text}`);
  }
  const known = (fields as Readonly<Record<string, Fields>>)[kind];
  if (!isOurs(manifest) || known === undefined) return [];
  return [...unknownFields(map, known, '')].map(([node, text]) => `${at(node)}: ${owner}: ${text}`);
}

/** Yields fields that the schema does not have, with their nodes. */
function* unknownFields(node: unknown, known: Fields, place: string): Generator<readonly [unknown, string]> {
  if (known === true) return;
  if (isSeq(node)) {
    for (const [index, item] of node.items.entries()) yield* unknownFields(item, known, `${place}[${index}]`);
  }
  if (!isMap(node)) return;
  for (const { key, value } of node.items) {
    const name = isScalar(key) ? String(key.value) : '';
    const at = place === '' ? name : `${place}.${name}`;
    if (Object.hasOwn(known, name)) yield* unknownFields(value, known[name] ?? true, at);
    else yield [key, `unknown field ${at}${didYouMean(name, Object.keys(known))}`];
  }
}

/** Returns values that are valid but lead nowhere. @param classes those of the directory by name. */
function valueWarnings(manifest: Manifest, classes: ReadonlyMap<string, YAMLMap>): readonly string[] {
  const { map, at, owner, kind } = manifest;
  if (!isOurs(manifest)) return [];
  if (kind === 'ConnectorClass') {
    const uri = map.getIn(['spec', 'proxy', 'uri'], true);
    if (uri === undefined || map.hasIn(['spec', 'proxy', 'ref'])) return [];
    return [
      `${at(uri)}: ${owner}: spec.proxy.uri means a proxy outside of this system, whose operator writes the status of the Connectors; for the Connectors proxy set spec.proxy.ref`,
    ];
  }
  if (kind !== 'Connector') return [];
  const warnings: string[] = [];
  const address = map.getIn(['spec', 'address'], true);
  const url = isScalar(address) ? (address.source ?? '') : undefined;
  if (url !== undefined && !/^https?:\/\/[^/]/i.test(url)) {
    warnings.push(
      `${at(address)}: ${owner}: spec.address ${quote(url)} is no http or https URL, and the proxy cannot use it`,
    );
  }
  const name = textAt(map, 'spec', 'auth', 'name');
  const types = authTypesOf(classes.get(textAt(map, 'spec', 'connectorClassName')));
  if (name !== '' && types !== undefined && !types.includes(name)) {
    const node = map.getIn(['spec', 'auth', 'name'], true);
    warnings.push(
      `${at(node)}: ${owner}: spec.auth.name ${quote(name)} is no entry of spec.auth.types of its class${didYouMean(name, types)}`,
    );
  }
  return warnings;
}

/** Returns the names of a class's types of authentication; undefined if it has no list of them. */
function authTypesOf(map: YAMLMap | undefined): readonly string[] | undefined {
  const types = map?.getIn(['spec', 'auth', 'types'], true);
  return isSeq(types) ? types.items.map((type) => (isMap(type) ? textAt(type, 'name') : '')) : undefined;
}
