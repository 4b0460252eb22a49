/** The measured process of kube-connections.ts: nothing but the client. Prints one line of JSON. */
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { StaticToken } from '../../src/shared/kube/bearer-token.js';
import { KubeClient } from '../../src/shared/kube/kube-client.js';
import { limits } from '../../src/shared/limits/defaults.js';
import { noLimitObserver } from '../../src/shared/limits/limit-observer.js';
import { noObserver } from '../../src/shared/kube/observer.js';
import { Reflector } from '../../src/shared/kube/reflector.js';
import { kubeTimings } from '../../src/shared/kube/timings.js';
import { silentLog } from '../../src/shared/log.js';
import { Secret } from '../../src/shared/secret.js';

const [port = '', token = '', caFile = '', watches = '0'] = process.argv.slice(2);
const type = { apiVersion: 'connectors.alauda.io/v1alpha1', kind: 'Connector', plural: 'connectors' };
const never = new AbortController().signal;
const ca = readFileSync(caFile, 'utf8');

async function settledRssMiB(): Promise<number> {
  for (let turn = 0; turn < 3; turn += 1) {
    globalThis.gc?.();
    await sleep(100);
  }
  return process.memoryUsage().rss / 2 ** 20;
}

function percentile(values: readonly number[], share: number): number {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * share)] ?? 0;
}

const before = await settledRssMiB();
const client = new KubeClient({
  config: {
    host: '127.0.0.1',
    port: Number(port),
    basePath: '',
    readTls: () => ({ ca, isInsecure: false }),
    token: new StaticToken(new Secret(token)),
  },
  timings: kubeTimings,
  clock: { now: () => performance.now(), random: Math.random },
  observer: noObserver,
  limits: limits.api,
  load: noLimitObserver,
  userAgent: 'bench',
});
const startedMs = performance.now();
const cpuBefore = process.cpuUsage();
const reflectors = Array.from({ length: Number(watches) }, (_, index) => {
  const reflector = new Reflector(client, { type, namespace: 'bench', name: `c-${index}` }, silentLog);
  reflector.start();
  return reflector;
});
await Promise.all(reflectors.map(({ state }) => state.waitFor(() => state.isConnected || undefined, never)));
const openMs = performance.now() - startedMs;
const cpu = process.cpuUsage(cpuBefore);
const latencies: number[] = [];
for (let turn = 0; turn < 300; turn += 1) {
  const callMs = performance.now();
  await client.get({ type, namespace: 'bench', name: 'small' }, { signal: never });
  latencies.push(performance.now() - callMs);
}
const after = await settledRssMiB();
const round = (value: number): number => Math.round(value * 100) / 100;
console.log(
  JSON.stringify({
    watches: Number(watches),
    rssBeforeMiB: round(before),
    rssMiB: round(after),
    openMs: round(openMs),
    openCpuMs: round((cpu.user + cpu.system) / 1000),
    getP50Ms: round(percentile(latencies, 0.5)),
    getP99Ms: round(percentile(latencies, 0.99)),
  }),
);
process.exit(0);
