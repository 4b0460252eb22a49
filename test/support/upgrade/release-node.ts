import assert from 'node:assert/strict';
import path from 'node:path';
import type { JsonObject } from '../../../src/json.js';
import { bindingsOf } from '../access/driver-rules.js';
import { commandOf, type ContainerStart } from '../deploy/container-command.js';
import { only } from '../deploy/manifests.js';
import { Cluster } from '../driver/cluster.js';
import { driverUser } from '../driver/driver-account.js';
import { DriverProcess } from '../driver/driver-process.js';
import { TestKubelet } from '../kubelet/test-kubelet.js';
import type { Release } from './release.js';

/** Log levels that nothing of an upgrade may need. */
const alarming = ['warn', 'error', 'fatal'];

/** A node of a cluster into which one release after the other is installed, by its manifests and nothing else. */
export class ReleaseNode {
  readonly cluster: Cluster;
  readonly kubelet: TestKubelet;
  #revoke: readonly (() => void)[] = [];
  #driver: DriverProcess | undefined;

  private constructor(cluster: Cluster) {
    this.cluster = cluster;
    this.kubelet = new TestKubelet({ kubeletDir: cluster.node.kubeletDir }).start();
  }

  static async start(): Promise<ReleaseNode> {
    const cluster = await Cluster.startBare();
    cluster.node.share();
    return new ReleaseNode(cluster);
  }

  get driver(): DriverProcess {
    assert.ok(this.#driver, 'no driver runs');
    return this.#driver;
  }

  /** As `kubectl apply` of all but the DaemonSet: the rights and the CSIDriver object are the release's from now on. */
  applyObjects({ manifests }: Release): void {
    const { api } = this.cluster;
    const old = this.#revoke;
    this.#revoke = bindingsOf(manifests, { user: driverUser }).map((binding) => api.bind(binding));
    for (const revoke of old) revoke();
    const { apiVersion, kind, metadata, spec } = only(manifests, 'CSIDriver');
    this.cluster.put({ apiVersion, kind, metadata: { ...metadata }, spec: spec as JsonObject });
  }

  /** As the DaemonSet's rolling update: the driver that runs ends, then the release's starts as its manifest says. */
  async roll(release: Release): Promise<void> {
    await this.#endDriver();
    const { kubeletDir, root } = this.cluster.node;
    const template = (only(release.manifests, 'DaemonSet')['spec'] as DaemonSetSpec).template;
    const given = { NODE_NAME: 'node-1', POD_NAMESPACE: 'connectors-system', KUBELET_DIR: kubeletDir };
    const { args, env } = commandOf(template.spec.containers[0], given);
    const kubeconfig = path.join(root, 'kubeconfig');
    this.cluster.api.writeKubeconfig(kubeconfig, { name: driverUser });
    const socketPath = env['CSI_ENDPOINT']?.replace('unix://', '') ?? '';
    // Beside the manifest's: the way to the API server, and a port that no other driver of this machine has.
    const flags = [...args.slice(1), '--http-address', '127.0.0.1:0'];
    const start = { flags, socketPath };
    const driver = new DriverProcess(
      start,
      [],
      { ...env, KUBECONFIG: kubeconfig },
      [],
      [process.execPath, release.main],
    );
    this.#driver = driver;
    // The message of this release, and that of older ones.
    await driver.untilLogged(/^(Registered with the kubelet|the kubelet has registered the driver)$/);
    await driver.kubelet.untilReady();
  }

  async stop(): Promise<void> {
    await this.kubelet.stop();
    this.#driver?.kill();
    await this.cluster.stop();
  }

  /** It must have ended by itself, and have had nothing to complain of. */
  async #endDriver(): Promise<void> {
    if (this.#driver === undefined) return;
    assert.deepEqual(await this.#driver.stop(), { status: 0, signal: null });
    this.assertNoAlarm();
  }

  assertNoAlarm(): void {
    const alarms = this.driver.logLines().filter(({ level }) => alarming.includes(String(level)));
    assert.deepEqual(alarms, []);
  }
}

interface DaemonSetSpec {
  readonly template: { readonly spec: { readonly containers: readonly [ContainerStart] } };
}
