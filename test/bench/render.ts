// What rendering costs: each ConnectorClass of the chart on its own, warm, then compiling, and the engine's memory.
// Run with `node --import tsx test/bench/render.ts`. Numbers only, no pass or fail.
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DirectoryConnectors } from '../../src/shared/connectors/directory-connectors.js';
import { runRenderJob } from '../../src/driver/content/render-job.js';
import { TemplateRenderer } from '../../src/driver/content/template-renderer.js';
import { planVolume } from '../../src/driver/content/volume-plan.js';
import { renderVolumeContent } from '../../src/driver/content/volume-content.js';
import { processTimeMs } from '../../src/driver/thread-time.js';
import { compileTemplate } from '../../src/shared/gotemplate/template.js';
import { silentLog } from '../../src/shared/log.js';
import { Secret } from '../../src/shared/secret.js';
import type { ResolvedConnector } from '../../src/shared/connectors/model.js';
import { classesFolder, requiredValue } from '../support/deploy/class-cases.js';
import { deployFolder, manifestFiles } from '../support/deploy/manifests.js';
import { tokenFor } from '../support/driver/tokens.js';

const directory = mkdtempSync(path.join(tmpdir(), 'connectors-csi-bench-'));
process.once('exit', () => rmSync(directory, { recursive: true }));
const connectors = path.join(deployFolder, 'examples', 'connectors.yaml');
for (const file of [...manifestFiles(classesFolder), connectors]) {
  copyFileSync(file, path.join(directory, path.basename(file)));
}
const runMs = 1000;

const source = new DirectoryConnectors({ directory, namespace: 'ci', notFoundWaitMs: 0, log: silentLog });
const token = new Secret(tokenFor({ namespace: 'ci', name: 'p', uid: 'u', serviceAccountName: 's' }));
const call = {
  owner: { namespace: 'ci', podUid: 'uid' },
  signal: new AbortController().signal,
  releaseSlotWhile: <T>(wait: () => Promise<T>) => wait(),
};
const defaults = { noProxy: 'localhost', caBundle: undefined, audience: 'connectors-proxy', proxyUrl: undefined };

console.log(
  'class'.padEnd(14),
  'files'.padStart(6),
  'compile ms'.padStart(12),
  'volumes/s'.padStart(11),
  'files/s'.padStart(10),
  'elsewhere'.padStart(10),
);
const manifest = readFileSync(connectors, 'utf8');
for (const [, name = ''] of manifest.matchAll(/metadata: \{ namespace: ci, name: ([-a-z]+) \}/g)) {
  await measure(await source.resolve([{ namespace: 'ci', name }], call));
}

async function measure(resolved: readonly ResolvedConnector[]): Promise<void> {
  const { connectorClass } = resolved[0]!;
  const names = connectorClass.configurations.map(({ name }) => name);
  const required = connectorClass.configurations.map(({ name, params }) => {
    const missing = params.filter((param) => param.default === undefined);
    return [name, Object.fromEntries(missing.map((param) => [param.name, requiredValue]))] as const;
  });
  const templates = connectorClass.configurations.flatMap(({ files }) => [...files]);
  let elsewhere = 0;
  const renderer = new TemplateRenderer({
    clock: Date.now,
    observer: () => undefined,
    cpuMs: processTimeMs,
    renderInThread: (job) => {
      elsewhere += 1;
      return Promise.resolve(runRenderJob(job));
    },
  });
  const render = (): Promise<unknown> =>
    renderVolumeContent(
      {
        volumeId: 'csi-1',
        plan: planVolume(resolved, names, defaults),
        tokenFor: () => token,
        includedConfigurations: names,
        excludedFiles: [],
        configurationParams: Object.fromEntries(required),
      },
      defaults,
      renderer,
      call,
    );
  const compiles = await repeat(300, () => templates.forEach(([name, text]) => compileTemplate(name, text)));
  const volumes = await repeat(runMs, render);
  console.log(
    connectorClass.name.padEnd(14),
    String(templates.length).padStart(6),
    (1000 / compiles).toFixed(3).padStart(12),
    volumes.toFixed(0).padStart(11),
    (volumes * templates.length).toFixed(0).padStart(10),
    String(elsewhere).padStart(10),
  );
}

/** How often a second, over `ms` milliseconds after a quarter of that as warm-up. */
async function repeat(ms: number, work: () => unknown): Promise<number> {
  for (const endMs = performance.now() + ms / 4; performance.now() < endMs;) await work();
  const startMs = performance.now();
  let count = 0;
  while (performance.now() - startMs < ms) {
    await work();
    count += 1;
  }
  return (count * 1000) / (performance.now() - startMs);
}
