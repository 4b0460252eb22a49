/**
 * How long hostile templates hold the thread that answers calls, until they have their verdict:
 * `node --max-semi-space-size=1 --heap-growing-percent=60 --import tsx test/bench/hostile.ts [PART_OF_NAME]` after `npm run build`. What
 * the thread waited for a processor is taken off, so that other load counts little. Numbers only, no pass or fail.
 */
import { readFileSync } from 'node:fs';
import { TemplateRenderer } from '../../src/driver/content/template-renderer.js';
import { CodedError } from '../../src/shared/errors.js';
import type { JsonObject } from '../../src/shared/json.js';
import { driverLimits } from '../../src/driver/limits.js';
import { RenderThreads } from '../../src/driver/render-threads.js';
import { processTimeMs } from '../../src/driver/thread-time.js';
import { Secret } from '../../src/shared/secret.js';
import { call, classOf, configurationOf, connectorOf } from '../support/domain.js';
import { hostileData, hostileTemplates } from '../support/hostile-templates.js';

/** As much of each as a Connector may hold. */
const data: JsonObject = {
  ...hostileData,
  list: hostileData.list.slice(0, 3_000),
  numbers: hostileData.numbers.slice(0, 3_000),
  map: Object.fromEntries(Object.entries(hostileData.map).slice(0, 1_500)),
};

/** Texts that are hostile to who compiles them. */
const texts: readonly (readonly [name: string, template: string])[] = [
  ['a search for a long text', '{{ $p := repeat 200000 "a" }}{{ contains (print $p "b" $p) (repeat 1000000 "a") }}'],
  ['definitions of space', `{{define "x"}}${' '.repeat(500_000)}{{end}}${'{{define "x"}} {{end}}'.repeat(20_000)}`],
  ['a long number', `{{ ${'1'.repeat(900_000)} }}`],
  ['a long text', `{{ $s := "${'\\u00e9'.repeat(150_000)}" }}`],
  ['many actions', '{{ . }}'.repeat(100_000)],
  ['deep blocks', '{{ if 1 }}'.repeat(100_000)],
];

/** Milliseconds that this thread has waited for a processor, schedstat of proc(5). */
function waitedMs(): number {
  return Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')[1]) / 1e6;
}

const entry = new URL('../../dist/render-worker.js', import.meta.url);
const threads = new RenderThreads(entry, driverLimits.renders.thread);
const renderer = new TemplateRenderer({
  clock: Date.now,
  observer: () => undefined,
  cpuMs: processTimeMs,
  renderInThread: (job, owner, signal) => threads.run(job, owner, signal),
});

interface Figures {
  readonly name: string;
  readonly heldMs: number;
  readonly totalMs: number;
}

async function measure(name: string, template: string): Promise<Figures> {
  const connectorClass = classOf('c', { configurations: [configurationOf('a', { f: template })] });
  const resolved = [{ connector: connectorOf('ci/x', undefined, data), connectorClass }];
  const startMs = performance.now();
  let lastMs = startMs;
  let waited = waitedMs();
  let heldMs = 0;
  const look = (): void => {
    const [nowMs, nowWaited] = [performance.now(), waitedMs()];
    heldMs = Math.max(heldMs, nowMs - lastMs - 1 - (nowWaited - waited));
    [lastMs, waited] = [nowMs, nowWaited];
  };
  const timer = setInterval(look, 1);
  const request = { caBundle: undefined, includedConfigurations: ['a'], configurationParams: {} };
  await renderer.render({ ...request, resolved, tokenOf: () => new Secret('token') }, call).catch((error: unknown) => {
    if (!(error instanceof CodedError)) throw error;
  });
  look();
  clearInterval(timer);
  return { name, heldMs, totalMs: performance.now() - startMs };
}

const wanted = process.argv[2] ?? '';
const figures: Figures[] = [];
for (const [name, text] of [...texts, ...hostileTemplates]) {
  if (name.includes(wanted)) figures.push(await measure(name, text));
}
threads.stop();

for (const key of ['heldMs', 'totalMs'] as const) {
  const sorted = figures.toSorted((a, b) => a[key] - b[key]);
  const at = (share: number): string => (sorted[Math.ceil(share * sorted.length) - 1]?.[key] ?? 0).toFixed(1);
  const worst = sorted.slice(-5).map((each) => `${each.name} ${each[key].toFixed(1)}`);
  console.log(`${key} of ${figures.length}: p50 ${at(0.5)}, p99 ${at(0.99)}, highest ${at(1)} (${worst.join('; ')})`);
}
console.log(`highest memory: ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MiB`);
