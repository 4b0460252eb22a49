import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { parseAllDocuments, stringify } from 'yaml';

export const repository = path.join(import.meta.dirname, '..', '..', '..');
export const deployFolder = path.join(repository, 'deploy');

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

/** All documents of a YAML text, aliases resolved. Throws on the first syntax error. */
export function parseManifests(text: string, origin: string): Manifest[] {
  const documents = parseAllDocuments(text, { uniqueKeys: true });
  assert.ok(Array.isArray(documents), `${origin} is empty`);
  return documents.map((document) => {
    assert.deepEqual(document.errors, [], origin);
    const value: unknown = document.toJS({ maxAliasCount: 50 });
    assert.ok(isManifest(value), `${origin}: a document is no Kubernetes object`);
    return value;
  });
}

export function readManifests(file: string): Manifest[] {
  return parseManifests(readFileSync(file, 'utf8'), file);
}

/** Every YAML file below `folder`, but for kustomizations, which are no objects of a cluster. */
export function manifestFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.yaml') && path.basename(name) !== 'kustomization.yaml')
    .map((name) => path.join(folder, name))
    .sort();
}

/** What `kubectl kustomize` makes of a folder. */
export async function buildFolder(folder: string): Promise<Manifest[]> {
  const { stdout } = await promisify(execFile)('kubectl', ['kustomize', folder], { maxBuffer: 16 * 1024 * 1024 });
  return parseManifests(stdout, folder).map(withoutForeignNamespace);
}

/** kustomize takes policies for objects with a namespace. API servers drop the namespace of objects that have none. */
function withoutForeignNamespace(object: Manifest): Manifest {
  if (!/^(?:Validating|Mutating)AdmissionPolicy/.test(object.kind)) return object;
  const metadata = Object.entries(object.metadata).filter(([field]) => field !== 'namespace');
  return { ...object, metadata: Object.fromEntries(metadata) };
}

/** What `kubectl kustomize` makes of an overlay over a folder of deploy/ with these components, as a user would write it. */
export async function buildOverlay(components: readonly string[], more: object = {}, over = '.'): Promise<Manifest[]> {
  const folder = mkdtempSync(path.join(tmpdir(), 'connectors-csi-overlay-'));
  const fromHere = (...parts: string[]): string => path.relative(folder, path.join(deployFolder, ...parts));
  const overlay = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    resources: [fromHere(over)],
    components: components.map((name) => fromHere('components', name)),
    ...more,
  };
  try {
    writeFileSync(path.join(folder, 'kustomization.yaml'), stringify(overlay, { aliasDuplicateObjects: false }));
    return await buildFolder(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
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
