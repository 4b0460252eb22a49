import path from 'node:path';
import { readFileSync, writeFileSync } from 'node:fs';
import type { Cluster } from '../driver/cluster.ts';
import { driverUser } from '../driver/driver-account.ts';
import { DriverProcess } from '../driver/driver-process.ts';
import { connector, proxyUrl } from '../driver/manifests.ts';
import { NodeSandbox } from '../driver/node-sandbox.ts';
import type { DescriptorCounts } from '../process-state.ts';
import { settledDescriptors } from '../process-state.ts';
import { TestKubelet } from './test-kubelet.ts';
import type { TestKubeletOptions } from './test-kubelet.ts';

export interface KubeletNodeOptions extends Partial<TestKubeletOptions> {
  /** Its drivers read from this cluster's API server; absent: from the sandbox's manifests. */
  readonly cluster?: Cluster;
  /** A port that leads to the API server, in place of its own. */
  readonly apiPort?: number;
}

/** A sandbox with a kubelet that runs, and drivers that register with it. */
export class KubeletNode {
  readonly sandbox: NodeSandbox;
  readonly kubelet: TestKubelet;
  readonly #options: KubeletNodeOptions;
  #driver: DriverProcess | undefined;
  #address = proxyUrl;
  #restingDescriptors: DescriptorCounts | undefined;

  constructor(options: KubeletNodeOptions = {}) {
    this.#options = options;
    this.sandbox = options.cluster?.node ?? new NodeSandbox();
    this.kubelet = new TestKubelet({ kubeletDir: this.sandbox.kubeletDir, ...options }).start();
  }

  /** Flags with which a driver on this node registers. */
  get flags(): string[] {
    const { registryDir } = this.kubelet;
    return ['--registration-dir', registryDir, '--kubelet-endpoint', this.sandbox.socketPath];
  }

  get driver(): DriverProcess {
    if (this.#driver === undefined) throw new Error('no driver runs');
    return this.#driver;
  }

  /** The proxy of connector ci/harbor, which the pods' files must show. */
  get address(): string {
    return this.#address;
  }

  startDriver(...flags: string[]): Promise<DriverProcess> {
    return this.startDriverWith({}, ...flags);
  }

  /** @param env of the driver's process, beside ours. */
  async startDriverWith(env: NodeJS.ProcessEnv, ...flags: string[]): Promise<DriverProcess> {
    const driver = this.launchDriver(env, ...flags);
    await driver.untilLogged('Registered with the kubelet');
    await driver.kubelet.untilReady();
    if (this.kubelet.pods.size === 0) this.#restingDescriptors ??= await settledDescriptors(driver.pid);
    return driver;
  }

  /** As `startDriverWith`, without waiting for anything. */
  launchDriver(env: NodeJS.ProcessEnv, ...flags: string[]): DriverProcess {
    const all = [...this.flags, ...this.#sourceFlags(), '--log-level', 'info', '--http-address', '127.0.0.1:0'];
    return (this.#driver = new DriverProcess(this.sandbox, [...all, ...flags], env));
  }

  /** The DaemonSet's pod is replaced: the old driver ends before the new one starts. */
  async replaceDriver(signal: 'SIGTERM' | 'SIGKILL'): Promise<DriverProcess> {
    await (signal === 'SIGTERM' ? this.driver.stop() : this.driver.killed());
    return this.startDriver();
  }

  /** What the first driver had open before it served a volume. */
  get restingDescriptors(): DescriptorCounts {
    if (this.#restingDescriptors === undefined) throw new Error('no driver was started before the first pod');
    return this.#restingDescriptors;
  }

  /** Pods with a volume each, all at once. */
  runPods(count: number): void {
    for (let pod = 0; pod < count; pod += 1) this.kubelet.run(this.sandbox.unpreparedVolume());
  }

  /** The connector gets another proxy; also makes it again after it was deleted. */
  moveConnector(address: string): void {
    const moved = connector('harbor', { proxyUrl: address });
    if (this.#options.cluster === undefined) this.sandbox.writeManifest('harbor.json', moved);
    else this.#options.cluster.put(moved);
    this.#address = address;
  }

  /** Ends all and takes the sandbox away, or leaves that to the cluster whose it is. */
  async remove(): Promise<void> {
    await this.kubelet.stop();
    await this.#driver?.stop();
    if (this.#options.cluster === undefined) this.sandbox.remove();
    else await this.#options.cluster.stop();
  }

  #sourceFlags(): string[] {
    const { cluster, apiPort } = this.#options;
    if (cluster === undefined) return [];
    const kubeconfig = path.join(this.sandbox.root, 'kubeconfig');
    cluster.api.writeKubeconfig(kubeconfig, { name: driverUser });
    if (apiPort !== undefined) {
      const text = readFileSync(kubeconfig, 'utf8');
      writeFileSync(kubeconfig, text.replace(cluster.api.url, `https://127.0.0.1:${apiPort}`));
    }
    return ['--connector-source', 'kubernetes', '--manifests', '', '--kubeconfig', kubeconfig];
  }
}
