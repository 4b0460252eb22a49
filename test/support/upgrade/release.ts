import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import type { Baseline } from '../../../.ci/baseline.mjs';
import {
  buildFolder,
  buildOverlay,
  deployFolder,
  parseManifests,
  repository,
  type Manifest,
} from '../deploy/manifests.js';

/** A state of the project that can be installed. */
export interface Release {
  readonly name: string;
  /** The program: the built `main.js`. */
  readonly main: string;
  /** What `kubectl apply -k deploy` applies. */
  readonly manifests: readonly Manifest[];
  /** The same with the components that the oldest baseline has. */
  readonly everything: readonly Manifest[];
}

/** One that .ci/baseline.mjs has kept. */
export interface OldRelease extends Release {
  readonly about: Baseline;
  readonly folder: string;
}

export const fixtures = path.join(repository, 'test', 'fixtures', 'upgrade');
export const baselineNames = readdirSync(fixtures).sort();

/** Unpacks a baseline. @returns it, and what takes the unpacked program away again. */
export function unpackBaseline(name: string): { readonly release: OldRelease; readonly remove: () => void } {
  const folder = path.join(fixtures, name);
  const unpacked = mkdtempSync(path.join(tmpdir(), `connectors-csi-${name}-`));
  const dist = path.join(unpacked, 'dist');
  mkdirSync(dist);
  for (const [file, bytes] of bundlesOf(folder)) writeFileSync(path.join(dist, file), bytes);
  // koffi, which no bundle holds.
  symlinkSync(path.join(repository, 'node_modules'), path.join(unpacked, 'node_modules'));
  writeFileSync(path.join(unpacked, 'package.json'), '{"type":"module"}');
  const manifests = (file: string): Manifest[] => parseManifests(readFileSync(path.join(folder, file), 'utf8'), file);
  const about = JSON.parse(readFileSync(path.join(folder, 'baseline.json'), 'utf8')) as Baseline;
  return {
    release: {
      ...{ name, folder, about, main: path.join(dist, 'main.js') },
      ...{ manifests: manifests('deploy.yaml'), everything: manifests('everything.yaml') },
    },
    remove: () => {
      rmSync(unpacked, { recursive: true });
    },
  };
}

/** What a baseline's folder has compressed, as it was before. */
export function bundlesOf(folder: string): ReadonlyMap<string, Buffer> {
  const names = readdirSync(folder).filter((name) => name.endsWith('.br'));
  return new Map(
    names.map((name) => [path.basename(name, '.br'), brotliDecompressSync(readFileSync(path.join(folder, name)))]),
  );
}

/** What is here now, with the components of a baseline that it still has. */
export async function thisRelease({ components }: Baseline): Promise<Release> {
  const kept = components.filter((name) => existsSync(path.join(deployFolder, 'components', name)));
  const [manifests, everything, crds] = await Promise.all([
    buildOverlay([]),
    buildOverlay(kept),
    buildFolder(path.join(deployFolder, 'crds')),
  ]);
  const main = path.join(repository, 'dist', 'main.js');
  return { name: 'this state', main, manifests, everything: [...crds, ...everything] };
}
