import fs from 'node:fs';
import path from 'node:path';
import { Cluster } from '../driver/cluster.js';
import { driverUser } from '../driver/driver-account.js';
import { DriverProcess } from '../driver/driver-process.js';
import { KubeletClient } from '../driver/kubelet-client.js';
import type { TestVolume } from '../driver/test-volume.js';
import { unmountBelow } from '../mounts.js';
import { eventually } from '../poll.js';
import { MixWatch } from './mix-watch.js';
import type { Outcome } from './outcome.js';
import { outcomeOf } from './outcome.js';
import { Probe } from './probe.js';
import { VersionedSources } from './versioned-sources.js';
import { volumeKinds } from './volume-kinds.js';

export interface PublishOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

const connections = 6;

/**
 * A driver process on a node of a cluster, and what plays the kubelet over one connection: three connections a call cost
 * more than the call. It outlives a run; every run leaves it without volumes.
 */
export class NodeSystem {
  readonly cluster: Cluster;
  readonly sources: VersionedSources;
  readonly mixWatch = new MixWatch();
  /** Volumes that are always there. */
  readonly probes: readonly Probe[];
  readonly #program: string | undefined;
  readonly #kubeconfig: string;
  #driver: DriverProcess;
  /** Each for some volumes, as one connection carries only so many calls at once. */
  #kubelets: readonly KubeletClient[];
  readonly #connectionOf = new Map<string, number>();
  #hasExited = false;
  restarts = 0;

  private constructor(cluster: Cluster, program: string | undefined) {
    this.cluster = cluster;
    this.#program = program;
    this.sources = new VersionedSources(cluster);
    this.#kubeconfig = path.join(cluster.node.root, 'kubeconfig');
    cluster.api.writeKubeconfig(this.#kubeconfig, { name: driverUser });
    const rule = { verbs: ['get'], apiGroups: ['connectors.alauda.io'], resources: ['connectors'] };
    cluster.api.bind({ group: 'system:serviceaccounts:ci', namespace: 'ci', rules: [rule] });
    this.probes = [...volumeKinds.keys()].map((kind) => new Probe(this, cluster.node.volume(), kind));
    this.#driver = this.#launch();
    this.#kubelets = this.#connect();
  }

  /** @param program in place of dist/main.js. */
  static async start(program?: string): Promise<NodeSystem> {
    const system = new NodeSystem(await Cluster.start(), program);
    await system.#driver.kubelet.untilReady();
    return system;
  }

  async stop(): Promise<void> {
    this.#close();
    this.#driver.kill();
    await this.#driver.exited;
    await this.mixWatch.stop();
    await this.cluster.stop();
  }

  publish(
    volume: TestVolume,
    attributes: Readonly<Record<string, string>>,
    options?: PublishOptions,
  ): Promise<Outcome> {
    return outcomeOf(this.#kubeletOf(volume.volumeId).publish(volume.publishRequest({ attributes }), options));
  }

  unpublish(volume: TestVolume): Promise<Outcome> {
    return outcomeOf(this.#kubeletOf(volume.volumeId).unpublishVolume(volume));
  }

  statistics({ volumeId, target }: TestVolume): Promise<Outcome> {
    return outcomeOf(this.#kubeletOf(volumeId).statistics({ volume_id: volumeId, volume_path: target }));
  }

  /** The kubelet's end of the connection is gone; what was under way goes on in the driver until it learns. */
  reconnect(): void {
    this.#close();
    this.#kubelets = this.#connect();
  }

  /** SIGKILL, and the next driver. */
  async killDriver(): Promise<void> {
    await this.#driver.killed();
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
    this.restarts += 1;
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
    ];
    const driver = new DriverProcess(
      this.cluster.node,
      flags,
      {},
      [],
      this.#program === undefined ? undefined : [process.execPath, this.#program],
    );
    this.#hasExited = false;
    void driver.exited.then(() => (this.#hasExited ||= driver === this.#driver));
    return driver;
  }
}
