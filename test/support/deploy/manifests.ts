import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseAllDocuments } from 'yaml';

export const repository = path.join(import.meta.dirname, '..', '..', '..');
export const deployFolder = path.join(repository, 'deploy');
export const chartFolder = path.join(deployFolder, 'chart');
export const crdsFolder = path.join(chartFolder, 'charts', 'crds', 'crds');

/** Admission policies leave out namespaces with this label and the value `off`. */
export const optOutLabel = 'connectors.alauda.io/volume-admission';

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name?: string;
    readonly generateName?: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

/**
 * All documents of a YAML text, aliases resolved. Throws on the first syntax error, and where YAML 1.1, which Helm and
 * kubectl read, has another value: there `off` is a boolean.
 */
export function parseManifests(text: string, origin: string): Manifest[] {
  const values = documentsOf(text, origin, '1.2');
  assert.deepEqual(documentsOf(text, origin, '1.1'), values, `${origin} is not the same in YAML 1.1: quote the string`);
  return values.map((value) => {
    assert.ok(isManifest(value), `${origin}: a document is no Kubernetes object`);
    return value;
  });
}

function documentsOf(text: string, origin: string, version: '1.1' | '1.2'): readonly unknown[] {
  const documents = parseAllDocuments(text, { uniqueKeys: true, version });
  assert.ok(Array.isArray(documents), `${origin} is empty`);
  return documents.map((document) => {
    assert.deepEqual(document.errors, [], origin);
    return document.toJS({ maxAliasCount: 50 }) as unknown;
  });
}

/** Fixtures read the same files of the repository for each test: each is parsed once, and every caller has its own copy. */
const parsed = new Map<string, readonly Manifest[]>();

function parsedOnce(file: string, textOf: (text: string) => string = (text) => text): Manifest[] {
  const manifests = parsed.get(file) ?? parseManifests(textOf(readFileSync(file, 'utf8')), file);
  parsed.set(file, manifests);
  return structuredClone([...manifests]);
}

/** The objects of a file, which does not change while tests run. */
export function readManifests(file: string): Manifest[] {
  return parsedOnce(file);
}

/** Every YAML file below `folder`, but for kustomizations, which are no objects of a cluster. */
export function manifestFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.yaml') && path.basename(name) !== 'kustomization.yaml')
    .map((name) => path.join(folder, name))
    .sort();
}

/** The objects of a file of deploy/manifests, such as `driver`. */
export function rendered(name: 'crds' | 'driver' | 'standalone' | 'classes'): Manifest[] {
  return readManifests(path.join(deployFolder, 'manifests', `${name}.yaml`));
}

/** The objects of a file of the chart that is no template, such as `policies/approval`. */
export function chartFile(name: string): Manifest[] {
  return readManifests(path.join(chartFolder, 'files', `${name}.yaml`));
}

/**
 * All objects of a template of the chart without Helm, as far as its actions are conditions around objects, or the
 * namespace.
 */
export function readTemplate(name: string): Manifest[] {
  return parsedOnce(path.join(chartFolder, 'templates', `${name}.yaml`), (text) =>
    text.replaceAll(/\{\{ \$?\.Release\.Namespace \}\}/g, 'connectors-system').replaceAll(/\{\{.*?\}\}/gs, ''),
  );
}

/** The one object of that kind (and name): a test that finds none or two has to fail. */
export function only(objects: readonly Manifest[], kind: string, name?: string): Manifest {
  const found = objects.filter((object) => object.kind === kind && (!name || object.metadata.name === name));
  assert.equal(found.length, 1, `${kind} ${name ?? ''}: ${found.length} found`);
  return found[0]!;
}

function isManifest(value: unknown): value is Manifest {
  return (
    typeof value === 'object' &&
    value !== null &&
    'apiVersion' in value &&
    typeof value.apiVersion === 'string' &&
    'kind' in value &&
    typeof value.kind === 'string' &&
    'metadata' in value &&
    typeof value.metadata === 'object'
  );
}
