import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { missingPrograms } from '../e2e/programs.ts';
import { chartFolder, parseManifests, repository, type Manifest } from './manifests.ts';

const layers = ['v31', 'v35'].map((layer) => path.join(repository, '.ci', 'programs', 'tools', layer));
const ofLayers = (program: string): readonly string[] =>
  layers.map((layer) => path.join(layer, program, program)).filter(existsSync);

/** Paths of the Helms that CI installs, the newest last, or the one of the PATH. Empty: there is none. */
export const helms: readonly string[] =
  ofLayers('helm').length > 0 ? ofLayers('helm') : missingPrograms('helm').length === 0 ? ['helm'] : [];

/** Folders of the kubectl that comes with them, which tests of deploy/ prefer to an older one of the PATH. */
export const kubectlFolders: readonly string[] = ofLayers('kubectl')
  .slice(-1)
  .map((file) => path.dirname(file));

/** Skips a suite where there is no Helm. CI has two, and counts a skipped test as failed. */
export function needsHelm(this: Mocha.Context): void {
  if (helms.length > 0) return;
  console.log('      skipped: not installed: helm');
  this.skip();
}

/** Values of the chart, as deep as they are. */
export type Values = Readonly<Record<string, unknown>>;

export interface RenderOptions {
  /** The version of the API server, such as `1.36`. */
  readonly kubeVersion?: string;
  readonly namespace?: string;
  readonly release?: string;
  readonly helm?: string;
}

/** What `helm` prints, or the error that it ends with. */
export function runHelm(helm: string, args: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(helm, [...args], { maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(stderr.trim() || `${helm} cannot be started: ${error.message}; .ci/run installs two`));
    });
    child.stdin?.end(input);
  });
}

/** The text of `helm template` with these values over the chart's, whose required ones are given. */
export function renderText(values: Values, options: RenderOptions = {}): Promise<string> {
  const { kubeVersion = '1.36', namespace = 'connectors-system', release = 'connectors-csi' } = options;
  const words = ['template', release, chartFolder, '--namespace', namespace, '--kube-version', kubeVersion];
  const given = JSON.stringify({ image: { repository: 'connectors-csi' }, ...values });
  return runHelm(options.helm ?? helms.at(-1) ?? 'helm', [...words, '--values', '-'], given);
}

const cache = new Map<string, Promise<readonly Manifest[]>>();

/** The objects of the same. Renders each combination once. @throws with what Helm reports. */
export function renderChart(values: Values, options: RenderOptions = {}): Promise<readonly Manifest[]> {
  const key = JSON.stringify([values, options]);
  const found = cache.get(key) ?? renderText(values, options).then((text) => parseManifests(text, key));
  cache.set(key, found);
  return found;
}
