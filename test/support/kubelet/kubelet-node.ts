import { DriverProcess } from '../driver/driver-process.js';
import { NodeSandbox } from '../driver/node-sandbox.js';
import { TestKubelet } from './test-kubelet.js';
import type { TestKubeletOptions } from './test-kubelet.js';

/** A sandbox with a kubelet that runs, and drivers that register with it. */
export class KubeletNode {
  readonly sandbox = new NodeSandbox();
  readonly kubelet: TestKubelet;
  #driver: DriverProcess | undefined;

  constructor(options: Partial<TestKubeletOptions> = {}) {
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

  async startDriver(...flags: string[]): Promise<DriverProcess> {
    this.#driver = new DriverProcess(this.sandbox, [...this.flags, '--log-level', 'info', ...flags]);
    await this.#driver.untilLogged('the kubelet has registered the driver');
    return this.#driver;
  }

  /** The DaemonSet's pod is replaced: the old driver ends before the new one starts. */
  async replaceDriver(signal: 'SIGTERM' | 'SIGKILL'): Promise<DriverProcess> {
    await (signal === 'SIGTERM' ? this.driver.stop() : this.driver.killed());
    return this.startDriver();
  }

  /** Pods with a volume each, all at once. */
  runPods(count: number): void {
    for (let pod = 0; pod < count; pod += 1) this.kubelet.run(this.sandbox.unpreparedVolume());
  }

  async remove(): Promise<void> {
    await this.kubelet.stop();
    await this.#driver?.stop();
    this.sandbox.remove();
  }
}
