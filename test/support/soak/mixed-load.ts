import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Cluster } from '../driver/cluster.js';
import { StallingProxy } from '../kube-api/stalling-proxy.js';
import { KubeletNode } from '../kubelet/kubelet-node.js';
import { assertNodeIsEmpty } from '../kubelet/node-state.js';
import { MixWatch } from '../model/mix-watch.js';
import { VersionedSources } from '../model/versioned-sources.js';
import { eventually } from '../poll.js';
import { openOnDetachedMounts, untilDescriptorsAre, untilOwnMemoryIs } from '../process-state.js';
import { Random } from '../random.js';
import { faults } from './faults.js';
import type { Fault } from './faults.js';
import { DriverFigures } from './driver-figures.js';
import { MemoryCgroup } from './memory-cgroup.js';
import { NodeLoad } from './node-load.js';
import type { SoakFigures } from './soak-figures.js';

export interface SoakOptions {
  readonly seed: number;
  readonly durationMs: number;
  readonly pods: number;
  /** Milliseconds between two things that happen to pods and objects. */
  readonly stepMs: number;
  /** Milliseconds that a fault lasts. */
  readonly faultMs: number;
  readonly onLine: (line: string) => void;
}

/** As the DaemonSet limits it. */
const memoryLimitBytes = 576 << 20;
/** What comes back late waits for a watch that is tried every 30 seconds, and for the kubelet's own back-off. */
const recoveryMs = 180_000;
/** As in the scenarios: a driver at rest has 20 to 35 MiB of its own. */
const maxOwnBytes = 64 << 20;
const tokenSeconds = 120;
const kubelet = { republishMs: 10_000, firstBackoffMs: 500, maxBackoffMs: 10_000, tokenSeconds };
/** Log level, wait for objects that do not exist, and the rest as deployed. */
const flags = ['--log-level', 'info', '--not-found-wait', '5s'];

/**
 * A node in use, with faults: pods come and go, objects change, tokens are renewed; and meanwhile, one after the other,
 * the API server is unwell in each way that is known, the kubelet restarts, and the driver is replaced or killed. After
 * each, every volume must be whole and current again; none may ever have been anything but whole.
 * @throws when anything was not as promised.
 */
export class MixedLoad {
  readonly #options: SoakOptions;
  readonly #random: Random;
  readonly #figures = new DriverFigures();
  readonly #cgroup = MemoryCgroup.make(memoryLimitBytes);
  readonly #mixWatch = new MixWatch();
  readonly #rounds: Record<string, number> = {};
  #recoveryMaxMs = 0;
  #soFar: SoakFigures | undefined;

  constructor(options: SoakOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
  }

  /** Until now, as of the end of the last round. */
  get figures(): SoakFigures | undefined {
    return this.#soFar;
  }

  async run(): Promise<SoakFigures> {
    const cluster = await Cluster.start();
    const network = await StallingProxy.start(cluster.api.port);
    const node = new KubeletNode({ ...kubelet, cluster, apiPort: network.port });
    try {
      const sources = new VersionedSources(cluster);
      const load = new NodeLoad(node, sources, this.#mixWatch, this.#random);
      await this.#startFirstDriver(node, sources);
      for (let pod = 0; pod < this.#options.pods; pod += 1) load.startPod();
      await this.#untilCurrent(node, load, 'the start');
      const startedMs = performance.now();
      while (performance.now() - startedMs < this.#options.durationMs) {
        await this.#round(node, sources, load, cluster, network);
        this.#soFar = await this.#report(load, (performance.now() - startedMs) / 1000);
      }
      const seconds = (performance.now() - startedMs) / 1000;
      await this.#end(node);
      return await this.#report(load, seconds);
    } finally {
      await network.stop();
      await node.remove();
      await this.#mixWatch.stop();
      this.#cgroup?.remove();
    }
  }

  async #round(
    node: KubeletNode,
    sources: VersionedSources,
    load: NodeLoad,
    cluster: Cluster,
    network: StallingProxy,
  ): Promise<void> {
    const { faultMs, stepMs, onLine } = this.#options;
    const fault = this.#random.pick(faults);
    const event = this.#random.pick(['none', 'none', 'SIGTERM', 'SIGKILL', 'kubelet', 'kubelet, sockets gone']);
    const name = `${fault.name}; ${event}`;
    for (const what of [fault.name, event]) this.#rounds[what] = (this.#rounds[what] ?? 0) + 1;
    load.start(stepMs);
    await fault.begin(cluster, network);
    await sleep(faultMs / 2);
    await this.#restart(event, node, sources, fault);
    await sleep(faultMs / 2);
    await fault.end(cluster, network);
    const endedMs = performance.now();
    await load.stop();
    await this.#untilCurrent(node, load, name);
    const tookMs = performance.now() - endedMs;
    this.#recoveryMaxMs = Math.max(this.#recoveryMaxMs, tookMs);
    const { problems, passes } = await this.#mixWatch.report();
    assert.deepEqual(problems, []);
    await this.#figures.take(node.driver);
    onLine(`${name}: current after ${(tookMs / 1000).toFixed(1)} s, ${node.kubelet.pods.size} pods, ${passes} reads`);
  }

  async #restart(event: string, node: KubeletNode, sources: VersionedSources, { name }: Fault): Promise<void> {
    if (event.startsWith('kubelet')) await node.kubelet.restart({ emptiesRegistry: event.includes('gone') });
    if (event !== 'SIGTERM' && event !== 'SIGKILL') return;
    await this.#figures.take(node.driver);
    if (event === 'SIGKILL') await node.driver.killed();
    else assert.deepEqual(await node.driver.stop(), { status: 0, signal: null }, `SIGTERM while ${name}`);
    this.#figures.driverEnded();
    await this.#startNextDriver(node, sources);
  }

  async #startFirstDriver(node: KubeletNode, sources: VersionedSources): Promise<void> {
    const starting = node.startDriver(...flags, '--proxy-ca-file', sources.caFile);
    this.#cgroup?.add(node.driver.pid);
    await starting;
  }

  /** Does not wait until it is ready: the API server may be away. */
  async #startNextDriver(node: KubeletNode, sources: VersionedSources): Promise<void> {
    const driver = node.launchDriver({}, ...flags, '--proxy-ca-file', sources.caFile);
    this.#cgroup?.add(driver.pid);
    await driver.untilLogged('Started');
  }

  async #untilCurrent(node: KubeletNode, load: NodeLoad, name: string): Promise<void> {
    const problems = (): string[] => [...node.kubelet.pods].flatMap((pod) => load.problemOf(pod) ?? []);
    await eventually('', () => problems().length === 0, recoveryMs).catch(() => {
      const [pod] = [...node.kubelet.pods].filter((each) => load.problemOf(each) !== undefined);
      throw new Error(`after ${name}: ${problems().join('; ')}; the last event: ${pod?.events.at(-1) ?? 'none'}`);
    });
    const mounted = node.sandbox.mounts().map((line) => line.split(' ')[4] ?? '');
    const targets = [...node.kubelet.pods].map(({ volume }) => volume.target);
    const left = mounted.filter((target) => !targets.includes(target));
    assert.deepEqual(
      left.map((target) => logOf(node, target)),
      [],
      `left after ${name}`,
    );
    assert.equal(mounted.length, targets.length, `volumes mounted twice after ${name}`);
  }

  /** When all pods have ended nothing of them is left: no mount, directory, descriptor or memory. */
  async #end(node: KubeletNode): Promise<void> {
    await node.kubelet.endAll();
    assertNodeIsEmpty(node.sandbox);
    await this.#figures.take(node.driver);
    this.#figures.driverEnded();
    await untilOwnMemoryIs(node.driver.pid, maxOwnBytes);
    assert.deepEqual(openOnDetachedMounts(node.driver.pid), []);
    await untilDescriptorsAre(node.driver.pid, node.restingDescriptors, 60_000);
  }

  async #report({ counts }: NodeLoad, seconds: number): Promise<SoakFigures> {
    const { passes, problems } = await this.#mixWatch.report();
    assert.deepEqual(problems, []);
    return {
      seconds,
      rounds: this.#rounds,
      load: counts,
      recoveryMaxMs: this.#recoveryMaxMs,
      reads: passes,
      driver: this.#figures.counts,
      driverPeakBytes: this.#figures.peakBytes,
      cgroup: this.#cgroup && { peakBytes: this.#cgroup.peakBytes, limitHits: this.#cgroup.limitHits },
    };
  }
}

/** What the driver that runs now has logged of the volume at a path. */
function logOf({ driver }: KubeletNode, target: string): string {
  const [, uid = ''] = /pods\/([^/]+)\//.exec(target) ?? [];
  const volumeId = createHash('sha256').update(`${uid}connectors`).digest('hex');
  const lines = driver.stderr.split('\n').filter((line) => line.includes(volumeId) || line.includes(uid));
  return [target, ...lines.slice(-20)].join('\n');
}
