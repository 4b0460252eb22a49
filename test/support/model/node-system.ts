import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { Cluster } from '../driver/cluster.ts';
import { driverUser } from '../driver/driver-account.ts';
import { DriverProcess } from '../driver/driver-process.ts';
import { KubeletClient } from '../driver/kubelet-client.ts';
import type { TestVolume } from '../driver/test-volume.ts';
import { StallingProxy } from '../kube-api/stalling-proxy.ts';
import { TestKubelet } from '../kubelet/test-kubelet.ts';
import { unmountBelow } from '../mounts.ts';
import { eventually } from '../poll.ts';
import type { DescriptorCounts } from '../process-state.ts';
import { openOnDetachedMounts, settledDescriptors, untilDescriptorsAre, untilOwnMemoryIs } from '../process-state.ts';
import { MemoryCgroup } from '../soak/memory-cgroup.ts';
import { MixWatch } from './mix-watch.ts';
import type { Outcome } from './outcome.ts';
import { outcomeOf } from './outcome.ts';
import { Probe } from './probe.ts';
import { VersionedSources } from './versioned-sources.ts';
import { volumeKinds } from './volume-kinds.ts';

interface PublishOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

const connections = 6;
/** As the DaemonSet limits it. */
const memoryLimitBytes = 576 << 20;
/** A driver at rest has 20 to 35 MiB of its own, and up to 55 for some seconds after a burst. */
const maxOwnBytes = 64 << 20;

/**
 * A driver process on a node of a cluster, and what plays the kubelet over one connection: three connections a call cost
 * more than the call. It outlives a run; every run leaves it without volumes.
 */
export class NodeSystem {
  readonly cluster: Cluster;
  /** The way to the API server. */
  readonly network: StallingProxy;
  /** Registers the driver; the calls are those of the commands. */
  readonly kubelet: TestKubelet;
  readonly sources: VersionedSources;
  readonly mixWatch = new MixWatch();
  /** Volumes that are always there. */
  readonly probes: readonly Probe[];
  readonly #program: string | undefined;
  readonly #kubeconfig: string;
  readonly #cgroup = MemoryCgroup.make(memoryLimitBytes);
  #restingDescriptors: DescriptorCounts | undefined;
  #driver: DriverProcess;
  /** Each for some volumes, as one connection carries only so many calls at once. */
  #kubelets: readonly KubeletClient[];
  readonly #connectionOf = new Map<string, number>();
  #hasExited = false;
  #restarts = 0;

  private constructor(cluster: Cluster, network: StallingProxy, program: string | undefined) {
    this.cluster = cluster;
    this.network = network;
    this.#program = program;
    this.kubelet = new TestKubelet({ kubeletDir: cluster.node.kubeletDir }).start();
    this.sources = new VersionedSources(cluster);
    this.#kubeconfig = path.join(cluster.node.root, 'kubeconfig');
    cluster.api.writeKubeconfig(this.#kubeconfig, { name: driverUser });
    const kubeconfig = fs.readFileSync(this.#kubeconfig, 'utf8');
    fs.writeFileSync(this.#kubeconfig, kubeconfig.replace(cluster.api.url, `https://127.0.0.1:${network.port}`));
    const rule = { verbs: ['get'], apiGroups: ['connectors.alauda.io'], resources: ['connectors'] };
    cluster.api.bind({ group: 'system:serviceaccounts:ci', namespace: 'ci', rules: [rule] });
    this.probes = [...volumeKinds.keys()].map((kind) => new Probe(this, cluster.node.volume(), kind));
    this.#driver = this.#launch();
    this.#kubelets = this.#connect();
  }

  /** @param program in place of dist/main.js. */
  static async start(program?: string): Promise<NodeSystem> {
    const cluster = await Cluster.start();
    const system = new NodeSystem(cluster, await StallingProxy.start(cluster.api.port), program);
    await system.#driver.kubelet.untilReady();
    await system.kubelet.untilRegistered();
    // What a driver opens with its first volumes stays open.
    for (const probe of system.probes) assert.equal(await probe.problem(system.sources), undefined);
    system.#restingDescriptors = await settledDescriptors(system.#driver.pid);
    return system;
  }

  async stop(): Promise<void> {
    this.#close();
    this.#driver.kill();
    await this.#driver.exited;
    await this.mixWatch.stop();
    await this.kubelet.stop();
    await this.network.stop();
    await this.cluster.stop();
    this.#cgroup?.remove();
  }

  /** Ends the volumes that are always there: of all volumes nothing is left, and the driver ends in order. */
  async assertAtRest(): Promise<void> {
    for (const { volume } of this.probes) assert.equal((await this.unpublish(volume)).code, 'OK');
    this.#close();
    assert.deepEqual(this.cluster.node.mounts(), []);
    await untilOwnMemoryIs(this.#driver.pid, maxOwnBytes);
    assert.deepEqual(openOnDetachedMounts(this.#driver.pid), []);
    await untilDescriptorsAre(this.#driver.pid, this.#restingDescriptors!, 60_000);
    assert.deepEqual(await this.#driver.stop(), { status: 0, signal: null });
  }

  /** Its drivers, and their memory where it can be limited. */
  told(): string {
    const { peakBytes = NaN, limitHits = NaN } = this.#cgroup ?? {};
    const peak = `peak ${(peakBytes / 2 ** 20).toFixed(0)} MiB, the limit reached ${limitHits} times`;
    return `${this.#restarts} drivers replaced${this.#cgroup === undefined ? '' : `, ${peak}`}`;
  }

  publish(
    volume: TestVolume,
    attributes: Readonly<Record<string, string>>,
    options?: PublishOptions,
  ): Promise<Outcome> {
    return outcomeOf(this.#kubeletOf(volume.volumeId).publishVolume(volume, { attributes }, options));
  }

  unpublish(volume: TestVolume): Promise<Outcome> {
    return outcomeOf(this.#kubeletOf(volume.volumeId).unpublishVolume(volume));
  }

  statistics({ volumeId, target }: TestVolume): Promise<Outcome> {
    return outcomeOf(this.#kubeletOf(volumeId).statistics({ volume_id: volumeId, volume_path: target }));
  }

  /**
   * The kubelet's end of the connection is gone; what was under way goes on in the driver until it learns.
   * @param emptiesRegistry as some set-ups do, which remove the registration sockets meanwhile.
   */
  async restartKubelet(emptiesRegistry: boolean): Promise<void> {
    this.#close();
    await this.kubelet.restart({ emptiesRegistry });
    this.#kubelets = this.#connect();
  }

  /** Ends the driver, and starts the next one. */
  async replaceDriver(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (signal === 'SIGKILL') await this.#driver.killed();
    else assert.deepEqual(await this.#driver.stop(), { status: 0, signal: null });
    await this.#startNext();
  }

  /** @throws when it has ended by itself. */
  assertAlive(): void {
    if (this.#hasExited) throw new Error(`the driver has ended: ${this.#driver.stderr.slice(-4000)}`);
  }

  /** After a run that failed: whatever it left is no other's business. */
  async startAfresh(): Promise<void> {
    this.#driver.kill();
    await this.#driver.exited;
    unmountBelow(this.cluster.node.kubeletDir);
    fs.rmSync(path.join(this.cluster.node.kubeletDir, 'pods'), { recursive: true });
    fs.mkdirSync(path.join(this.cluster.node.kubeletDir, 'pods'));
    for (const probe of this.probes) probe.volume.prepare();
    await this.#startNext();
  }

  async #startNext(): Promise<void> {
    this.#close();
    this.#driver = this.#launch();
    this.#restarts += 1;
    // Not until it is ready: the API server may be away.
    const isServing = (): Promise<boolean> =>
      this.#driver.kubelet.pluginInfo().then(
        () => true,
        () => false,
      );
    await eventually('the next driver serves', isServing, 20_000);
    this.#kubelets = this.#connect();
  }

  #connect(): readonly KubeletClient[] {
    return Array.from({ length: connections }, () => new KubeletClient(this.cluster.node.socketPath, { shared: true }));
  }

  #close(): void {
    for (const kubelet of this.#kubelets) kubelet.close();
  }

  #kubeletOf(volumeId: string): KubeletClient {
    const connection = this.#connectionOf.get(volumeId) ?? this.#connectionOf.size % connections;
    this.#connectionOf.set(volumeId, connection);
    return this.#kubelets[connection]!;
  }

  #launch(): DriverProcess {
    const flags = [
      ...['--connector-source', 'kubernetes', '--manifests', '', '--kubeconfig', this.#kubeconfig],
      ...['--proxy-ca-file', this.sources.caFile, '--log-level', 'warn'],
      ...['--registration-dir', this.kubelet.registryDir, '--kubelet-endpoint', this.cluster.node.socketPath],
    ];
    const driver = new DriverProcess(
      this.cluster.node,
      flags,
      {},
      this.#cgroup?.entering,
      this.#program === undefined ? undefined : [process.execPath, this.#program],
    );
    this.#hasExited = false;
    void driver.exited.then(() => (this.#hasExited ||= driver === this.#driver));
    return driver;
  }
}
