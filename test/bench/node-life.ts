/**
 * What a full node pays, with the built driver, an API server and a kubelet: `npm run build && unshare --mount
 * --propagation private node --import tsx test/bench/node-life.ts [RUNS] [STEADY_SECONDS] [ACCOUNTS]`. Prints one line per run and
 * the medians. The kubelet's and the API server's own work on the same cores is part of the times, not of the memory
 * and the CPU.
 */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Cluster } from '../support/driver/cluster.js';
import { DriverProcess } from '../support/driver/driver-process.js';
import { driverUser } from '../support/driver/driver-account.js';
import { TestKubelet } from '../support/kubelet/test-kubelet.js';
import { eventually } from '../support/poll.js';
import { memoryOf } from '../support/process-state.js';

const [runs = 3, steadySeconds = 60, accounts = 1] = process.argv.slice(2).map(Number);
const volumes = 110;
const restarts = 5;
/** The kubelet republishes each volume every 60 to 90 seconds; the bench does it at the faster end. */
const republishMs = 60_000;

type Figures = Readonly<Record<string, number>>;

const all: Figures[] = [];
for (let run = 0; run < runs; run += 1) {
  const figures = await measure();
  console.log(JSON.stringify(figures));
  all.push(figures);
}
console.log('median', JSON.stringify(medians(all)));

/** Reviews of access are shared by the volumes of an account, so their number goes with that of the accounts. */
function accountOf(pod: number): string {
  return `builder-${pod % accounts}`;
}

async function measure(): Promise<Figures> {
  const cluster = await Cluster.start();
  for (let account = 0; account < accounts; account += 1) cluster.allow('harbor', `ci/${accountOf(account)}`);
  const { node, api } = cluster;
  const kubelet = new TestKubelet({ kubeletDir: node.kubeletDir, republishMs }).start();
  const kubeconfig = path.join(node.root, 'kubeconfig');
  api.writeKubeconfig(kubeconfig, { name: driverUser, groups: ['system:serviceaccounts'] });
  const startMs = performance.now();
  const driver = new DriverProcess(node, [
    ...['--registration-dir', kubelet.registryDir, '--kubelet-endpoint', node.socketPath, '--log-level', 'info'],
    ...['--connector-source', 'kubernetes', '--manifests', '', '--kubeconfig', kubeconfig],
  ]);
  try {
    await kubelet.untilRegistered();
    const registeredMs = performance.now() - startMs;
    await driver.kubelet.untilReady();
    const idleBytes = memoryOf(driver.pid).nowBytes;
    const burstMs = await timed(async () => {
      for (let pod = 0; pod < volumes; pod += 1)
        kubelet.run(node.unpreparedVolume({ serviceAccountName: accountOf(pod) }));
      await kubelet.untilAllPublished(120_000);
    });
    const burst = memoryOf(driver.pid);
    const restart = await measureRestarts(kubelet, driver);
    const steady = await measureSteadyState(cluster, driver);
    return round({
      registeredMs,
      idleMB: megabytes(idleBytes),
      burstMs,
      burstMB: megabytes(burst.nowBytes),
      burstPeakMB: megabytes(burst.peakBytes),
      ...restart,
      ...steady,
    });
  } finally {
    await kubelet.stop();
    await driver.stop();
    await cluster.stop();
  }
}

async function measureRestarts(kubelet: TestKubelet, driver: DriverProcess): Promise<Figures> {
  const times: number[] = [];
  const resident: number[] = [];
  for (let restart = 0; restart < restarts; restart += 1) {
    const attempts = [...kubelet.pods].map((pod) => pod.attempts);
    await kubelet.stop();
    fs.rmSync(path.join(kubelet.registryDir, 'connectors-csi-reg.sock'), { force: true });
    await eventually('the socket is made anew', () => fs.readdirSync(kubelet.registryDir).length > 0);
    times.push(
      await timed(async () => {
        kubelet.start();
        await eventually(
          'all are answered',
          () => [...kubelet.pods].every((pod, index) => pod.isPublishedSince(attempts[index] ?? 0)),
          60_000,
        );
      }),
    );
    resident.push(memoryOf(driver.pid).nowBytes);
  }
  return {
    restartMs: median(times),
    restartPeakMB: megabytes(memoryOf(driver.pid).peakBytes),
    restartGrowthMB: megabytes((resident.at(-1) ?? 0) - (resident[0] ?? 0)),
  };
}

/** All volumes are published once a minute. */
async function measureSteadyState({ api }: Cluster, driver: DriverProcess): Promise<Figures> {
  const cpuBefore = cpuSecondsOf(driver.pid);
  const requestsBefore = api.requests.length;
  const startMs = performance.now();
  await delay(steadySeconds * 1000);
  const minutes = (performance.now() - startMs) / 60_000;
  return {
    steadyCpuSecondsPerMinute: (cpuSecondsOf(driver.pid) - cpuBefore) / minutes,
    steadyApiRequestsPerMinute: (api.requests.length - requestsBefore) / minutes,
    steadyMB: megabytes(memoryOf(driver.pid).nowBytes),
  };
}

/** User and system time; the kernel counts in hundredths. */
function cpuSecondsOf(pid: number): number {
  const fields = fs
    .readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function medians(figures: readonly Figures[]): Figures {
  const names = Object.keys(figures[0] ?? {});
  return Object.fromEntries(names.map((name) => [name, median(figures.map((each) => each[name] ?? Number.NaN))]));
}

function megabytes(bytes: number): number {
  return bytes / 1e6;
}

function round(figures: Figures): Figures {
  return Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, Math.round(value * 100) / 100]));
}
