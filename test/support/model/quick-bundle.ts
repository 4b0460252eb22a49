import fs from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import type { Plugin } from 'esbuild';
import { bundles } from '../../../.ci/bundles.mjs';
import { quickTimings } from '../kube-client/quick-timings.ts';

const root = path.join(import.meta.dirname, '../../..');
const timingsFile = path.join(root, 'src/shared/kube/timings.ts');

/** Also dead connections are found within seconds. */
const timings = { ...quickTimings, pingIntervalMs: 1000, pingTimeoutMs: 3000 };

/** Replaces the times of the client. @throws if the program has none: then it would wait as on a node. */
const quickTimes: Plugin = {
  name: 'quick-times',
  setup(builder) {
    let isReplaced = false;
    builder.onLoad({ filter: /\/timings\.ts$/ }, ({ path: file }) => {
      if (file !== timingsFile) return undefined;
      isReplaced = true;
      return { contents: `export const kubeTimings = ${JSON.stringify(timings)};` };
    });
    builder.onEnd(() => {
      if (!isReplaced) throw new Error(`${timingsFile} is not part of the program`);
    });
  },
};

/**
 * The program of the image, built as for the image, but for the times after which it tries the API server again: seconds
 * there, milliseconds here. So thousands of outages fit into a minute.
 * @returns its file.
 */
export async function buildQuickDriver(): Promise<string> {
  const folder = path.join(root, 'node_modules/.cache/connectors-csi-tests/quick');
  fs.mkdirSync(folder, { recursive: true });
  for (const name of ['main', 'render-worker'] as const) {
    fs.copyFileSync(path.join(root, `dist/${name}.js`), path.join(folder, `${name}.js`));
  }
  const { program } = bundles;
  const plugins = [...(program.plugins ?? []), quickTimes];
  await build({ ...program, outdir: folder, plugins });
  return path.join(folder, 'main.js');
}
