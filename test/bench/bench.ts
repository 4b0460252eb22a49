// `npm run bench`: what a publish costs over the driver's real socket, beside an empty call in the same run.
// Numbers only, no pass or fail. Re-executes itself in a private mount namespace.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { DriverProcess } from '../support/driver/driver-process.js';
import { KubeletClient } from '../support/driver/kubelet-client.js';
import { NodeSandbox } from '../support/driver/node-sandbox.js';
import type { TestVolume } from '../support/driver/test-volume.js';

const insideVariable = 'CONNECTORS_CSI_BENCH_INSIDE';
const classesFolder = path.join(import.meta.dirname, '..', '..', 'deploy', 'classes');
const withConfiguration = { connectors: 'harbor', 'configuration.names': 'registry-config' };
const samples = 1000;
const warmUp = 300;

if (process.env[insideVariable] === undefined) {
  const asUser = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
  const self = [process.execPath, ...process.execArgv, import.meta.filename];
  const { status } = spawnSync('unshare', [...asUser, '--mount', '--propagation', 'private', '--', ...self], {
    stdio: 'inherit',
    env: { ...process.env, [insideVariable]: '1' },
  });
  process.exitCode = status ?? 1;
} else {
  await main();
}

async function main(): Promise<void> {
  const node = new NodeSandbox();
  node.writeManifest('class-oci.json', readFileSync(path.join(classesFolder, 'oci.yaml'), 'utf8'));
  try {
    console.log(`${samples} samples each after ${warmUp} of warm-up; milliseconds\n`);
    console.log(
      'from process start to the first publish',
      (await startToFirstPublish(node, 7)).toFixed(0),
      'ms (median of 7)\n',
    );
    const driver = await DriverProcess.start(node, ['--log-level', 'error']);
    try {
      console.log(row('', ['p50', 'p90', 'p99']));
      for (const isShared of [true, false]) {
        const client = new KubeletClient(node.socketPath, { shared: isShared });
        await measureCalls(node, client, isShared ? 'one shared connection' : 'a connection per call');
        client.close();
      }
      await measureThroughput(node);
      await measureMemory(node, driver);
    } finally {
      await driver.stop();
    }
  } finally {
    node.remove();
  }
}

/** The calls are interleaved, so that a slow moment of the machine meets all of them. */
async function measureCalls(node: NodeSandbox, client: KubeletClient, how: string): Promise<void> {
  const steady = node.volume();
  await client.publish(steady.publishRequest());
  const series = {
    'empty call (NodeGetCapabilities)': [] as number[],
    'first publish': [] as number[],
    'first publish with registry-config': [] as number[],
    'republish, nothing changed': [] as number[],
    'republish, token renewed': [] as number[],
    unpublish: [] as number[],
  };
  for (let i = 0; i < samples + warmUp; i += 1) {
    const volume = node.volume();
    const configured = node.volume();
    const timings = [
      await timed(() => client.nodeCapabilities()),
      await timed(() => client.publish(volume.publishRequest())),
      await timed(() => client.publish(configured.publishRequest({ attributes: withConfiguration }))),
      await timed(() => client.publish(steady.publishRequest())),
      await timed(() => {
        volume.renewToken();
        return client.publish(volume.publishRequest());
      }),
      await timed(() => client.unpublishVolume(volume)),
    ];
    await client.unpublishVolume(configured);
    if (i < warmUp) continue;
    Object.values(series).forEach((list, index) => list.push(timings[index]!));
  }
  await client.unpublishVolume(steady);
  console.log(how);
  for (const [name, list] of Object.entries(series)) {
    console.log(
      row(
        `  ${name}`,
        [50, 90, 99].map((percent) => percentile(list, percent).toFixed(2)),
      ),
    );
  }
}

async function measureThroughput(node: NodeSandbox): Promise<void> {
  const client = new KubeletClient(node.socketPath);
  const volumes = Array.from({ length: 1000 }, () => node.volume());
  const startMs = performance.now();
  await inParallel(volumes, 20, (volume) => client.publish(volume.publishRequest()));
  const seconds = (performance.now() - startMs) / 1000;
  await inParallel(volumes, 20, (volume) => client.unpublishVolume(volume));
  console.log(`\npublishes per second, 20 in flight, a connection per call: ${(volumes.length / seconds).toFixed(0)}`);
}

async function measureMemory(node: NodeSandbox, driver: DriverProcess): Promise<void> {
  const idle = await DriverProcess.start(new NodeSandbox(), ['--log-level', 'error']);
  console.log(`\nresident, idle after start: ${residentMb(idle.pid)} MB`);
  await idle.stop();
  const volumes = Array.from({ length: 110 }, () => node.volume());
  for (const volume of volumes) await driver.kubelet.publish(volume.publishRequest());
  console.log(`resident, 110 volumes, after all of the above: ${residentMb(driver.pid)} MB`);
  for (const volume of volumes) await driver.kubelet.unpublishVolume(volume);
  const fresh = new NodeSandbox();
  const rested = await DriverProcess.start(fresh, ['--log-level', 'error']);
  const own = Array.from({ length: 110 }, () => fresh.volume());
  for (const volume of own) await rested.kubelet.publish(volume.publishRequest());
  console.log(`resident, 110 volumes, freshly started: ${residentMb(rested.pid)} MB`);
  await rested.stop();
  fresh.remove();
}

async function startToFirstPublish(node: NodeSandbox, runs: number): Promise<number> {
  const times: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    const volume = node.volume();
    const startMs = performance.now();
    const driver = await DriverProcess.start(node, ['--log-level', 'error']);
    await driver.kubelet.publish(volume.publishRequest());
    times.push(performance.now() - startMs);
    await driver.kubelet.unpublishVolume(volume);
    await driver.stop();
  }
  return percentile(times, 50);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}

async function inParallel(
  volumes: readonly TestVolume[],
  width: number,
  work: (volume: TestVolume) => Promise<unknown>,
): Promise<void> {
  const queue = [...volumes];
  const worker = async (): Promise<void> => {
    for (let volume = queue.pop(); volume !== undefined; volume = queue.pop()) await work(volume);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

function percentile(list: readonly number[], percent: number): number {
  const sorted = [...list].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? NaN;
}

function residentMb(pid: number): string {
  const kib = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  return (kib / 1024).toFixed(1);
}

function row(name: string, cells: readonly string[]): string {
  return name.padEnd(42) + cells.map((cell) => cell.padStart(8)).join('');
}
