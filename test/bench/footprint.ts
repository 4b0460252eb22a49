/**
 * What the built driver costs a node, with each source of connectors: memory at rest, with 110 volumes and after bursts of
 * republishes, resident and of the process's own (`RssAnon`), and the time from the start of the process to its first published volume:
 * `npm run build && unshare --mount --propagation private node --import tsx test/bench/footprint.ts [runs]`.
 * One line of JSON per source: medians of the runs, MiB and milliseconds.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { bindDriver } from '../support/access/driver-rules.js';
import { KubeletClient } from '../support/driver/kubelet-client.js';
import { connector, connectorClass } from '../support/driver/manifests.js';
import { NodeSandbox } from '../support/driver/node-sandbox.js';
import type { TestVolume } from '../support/driver/test-volume.js';
import { audience } from '../support/driver/tokens.js';
import { KubeApi } from '../support/kube-api/kube-api.js';
import type { KubeObject } from '../support/kube-api/resources.js';

const main = path.join(import.meta.dirname, '..', '..', 'dist', 'main.js');
/** What the Dockerfile sets. */
const imageEnv = { NODE_ENV: 'production', MALLOC_ARENA_MAX: '1' };
const volumeCount = 110;
const bursts = 10;
const runs = Number(process.argv[2] ?? '5');
/** V8 collects the heap of a process at rest within this time. */
const restMs = 20_000;

interface Figures {
  readonly firstPublishMs: number;
  readonly restMiB: number;
  readonly publishedMiB: number;
  readonly afterBurstsMiB: number;
  readonly peakMiB: number;
  readonly restOwnMiB: number;
  readonly publishedOwnMiB: number;
  readonly afterBurstsOwnMiB: number;
}

function memoryMiB(pid: number, line: 'VmRSS' | 'VmHWM' | 'RssAnon'): number {
  const [, kib] = new RegExp(`^${line}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) / 1024;
}

/** Tries until it succeeds, as nothing listens at first. */
async function publishSoon(kubelet: KubeletClient, volume: TestVolume): Promise<void> {
  for (;;) {
    try {
      await kubelet.publish(volume.publishRequest());
      return;
    } catch {
      await sleep(2);
    }
  }
}

async function measure(node: NodeSandbox, flags: readonly string[]): Promise<Figures> {
  const kubelet = new KubeletClient(node.socketPath);
  const volumes = Array.from({ length: volumeCount }, () => node.volume());
  const [first, ...others] = volumes as [TestVolume, ...TestVolume[]];
  const startedMs = performance.now();
  const child: ChildProcess = spawn(process.execPath, [main, 'serve', ...node.flags, ...flags], {
    stdio: 'ignore',
    env: { ...imageEnv, ...process.env },
  });
  const pid = child.pid ?? 0;
  try {
    await publishSoon(kubelet, first);
    const firstPublishMs = performance.now() - startedMs;
    await sleep(restMs);
    const restMiB = memoryMiB(pid, 'VmRSS');
    const restOwnMiB = memoryMiB(pid, 'RssAnon');
    await Promise.all(others.map((volume) => kubelet.publish(volume.publishRequest())));
    await sleep(restMs);
    const publishedMiB = memoryMiB(pid, 'VmRSS');
    const publishedOwnMiB = memoryMiB(pid, 'RssAnon');
    for (let burst = 0; burst < bursts; burst += 1) {
      for (const volume of volumes) volume.renewToken();
      await Promise.all(volumes.map((volume) => kubelet.publish(volume.publishRequest())));
    }
    await sleep(restMs);
    const afterBurstsMiB = memoryMiB(pid, 'VmRSS');
    const afterBurstsOwnMiB = memoryMiB(pid, 'RssAnon');
    const peakMiB = memoryMiB(pid, 'VmHWM');
    await Promise.all(volumes.map((volume) => kubelet.unpublishVolume(volume)));
    return {
      ...{ firstPublishMs, restMiB, publishedMiB, afterBurstsMiB, peakMiB },
      ...{ restOwnMiB, publishedOwnMiB, afterBurstsOwnMiB },
    };
  } finally {
    const ended = new Promise((resolve) => child.once('close', resolve));
    child.kill();
    await ended;
  }
}

async function measureDirectory(): Promise<Figures> {
  const node = new NodeSandbox();
  try {
    return await measure(node, []);
  } finally {
    node.remove();
  }
}

async function measureKubernetes(): Promise<Figures> {
  const node = new NodeSandbox();
  const api = await KubeApi.start();
  try {
    bindDriver(api, 'driver');
    const rule = { verbs: ['get'], apiGroups: ['connectors.alauda.io'], resources: ['connectors'] };
    api.bind({ serviceAccount: 'ci/builder', namespace: 'ci', rules: [rule] });
    const spec = { podInfoOnMount: true, requiresRepublish: true, tokenRequests: [{ audience }] };
    const csiDriver = {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'CSIDriver',
      metadata: { name: 'connectors-csi' },
      spec,
    };
    for (const object of [connector('harbor'), connectorClass('oci'), csiDriver]) {
      api.put(object as unknown as KubeObject);
    }
    const kubeconfig = path.join(node.root, 'kubeconfig');
    api.writeKubeconfig(kubeconfig, { name: 'driver' });
    return await measure(node, ['--connector-source', 'kubernetes', '--manifests', '', '--kubeconfig', kubeconfig]);
  } finally {
    await api.stop();
    node.remove();
  }
}

function median(values: readonly number[]): number {
  return Math.round((values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0) * 10) / 10;
}

const keys = [
  ...(['firstPublishMs', 'restMiB', 'publishedMiB', 'afterBurstsMiB', 'peakMiB'] as const),
  ...(['restOwnMiB', 'publishedOwnMiB', 'afterBurstsOwnMiB'] as const),
];
for (const [source, measureOnce] of [
  ['directory', measureDirectory],
  ['kubernetes', measureKubernetes],
] as const) {
  const figures: Figures[] = [];
  for (let run = 0; run < runs; run += 1) figures.push(await measureOnce());
  const medians = keys.map((key) => [key, median(figures.map((each) => each[key]))]);
  console.log(JSON.stringify({ source, runs, volumes: volumeCount, ...Object.fromEntries(medians) }));
}
