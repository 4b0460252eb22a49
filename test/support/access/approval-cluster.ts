import { kubernetesBackend } from '../../../src/driver/kubernetes-backend.ts';
import { watchTimes } from '../../../src/driver/connectors/watch-limits.ts';
import { kubeTimings } from '../../../src/shared/kube/timings.ts';
import type { ConnectorRef } from '../../../src/shared/connectors/model.ts';
import { InProcessDriver } from '../driver/in-process-driver.ts';
import { connector, connectorClass, flagsConfigMap } from '../driver/manifests.ts';
import { NodeSandbox } from '../driver/node-sandbox.ts';
import type { TestVolume } from '../driver/test-volume.ts';
import { audience } from '../driver/tokens.ts';
import { KubeApi } from '../kube-api/kube-api.ts';
import type { KubeObject } from '../kube-api/resources.ts';
import { configFor } from '../kube-client/test-client.ts';
import { ApprovalsController } from './approvals-controller.ts';
import { bindDriver, driverUser } from './driver-rules.ts';

export const harbor: ConnectorRef = { namespace: 'ci', name: 'harbor' };
export const quay: ConnectorRef = { namespace: 'tools', name: 'quay' };

/**
 * A node and its API server with approval on: the connectors ci/harbor and tools/quay, which the account ci/builder
 * may read, and a driver with the rights that deploy/ gives it.
 */
export class ApprovalCluster {
  readonly api: KubeApi;
  readonly controller: ApprovalsController;
  readonly node = new NodeSandbox();
  #driver: InProcessDriver | undefined;
  /** Milliseconds by which the driver's clock is ahead. */
  clockAheadMs = 0;

  private constructor(api: KubeApi) {
    this.api = api;
    this.controller = new ApprovalsController(api);
    for (const purpose of ['driver', 'approval'] as const) bindDriver(api, purpose);
    this.#put(connector('harbor'), connector('quay', { namespace: 'tools' }), connectorClass('oci'));
    const spec = { podInfoOnMount: true, requiresRepublish: true, tokenRequests: [{ audience }] };
    this.#put({ apiVersion: 'storage.k8s.io/v1', kind: 'CSIDriver', metadata: { name: 'connectors-csi' }, spec });
    this.setFlags({ proxyPermissions: true, approval: true });
    const rule = { verbs: ['get'], apiGroups: ['connectors.alauda.io'], resources: ['connectors'] };
    api.bind({ serviceAccount: 'ci/builder', rules: [rule] });
  }

  /**
   * @param flags further flags of `serve`. Unless they say otherwise, mounted volumes are left to the kubelet's calls: the
   * watches of requests are then those of publishes that wait.
   */
  static async start(flags: readonly string[] = []): Promise<ApprovalCluster> {
    const cluster = new ApprovalCluster(await KubeApi.start());
    await cluster.startDriver(flags);
    return cluster;
  }

  async startDriver(flags: readonly string[] = []): Promise<void> {
    const { api } = this;
    this.#driver = await InProcessDriver.start(this.node, {
      flags: ['--refresh-on-change=false', ...flags],
      backend: (parts) =>
        kubernetesBackend({
          ...parts,
          cluster: configFor(api, api.tokenFor(driverUser)),
          timings: kubeTimings,
          kubeClock: { now: () => performance.now() + this.clockAheadMs, random: Math.random },
          watchTimes,
        }),
    });
    await this.#driver.kubelet.untilReady();
  }

  async stopDriver(): Promise<void> {
    await this.#driver?.stop();
    this.#driver = undefined;
  }

  async stop(): Promise<void> {
    await this.stopDriver();
    await this.api.stop();
    this.node.remove();
  }

  get driver(): InProcessDriver {
    if (this.#driver === undefined) throw new Error('the driver does not run');
    return this.#driver;
  }

  setFlags({ proxyPermissions, approval }: { readonly proxyPermissions: boolean; readonly approval: boolean }): void {
    this.#put(
      flagsConfigMap({
        'enable-connector-proxy-permissions': String(proxyPermissions),
        'enable-connectors-approval': String(approval),
      }),
    );
  }

  publish(volume: TestVolume, connectors = 'harbor', signal?: AbortSignal): Promise<void> {
    const request = volume.publishRequest({ attributes: { connectors } });
    return this.driver.kubelet.publish(request, signal === undefined ? {} : { signal });
  }

  /** The value of a metric by its whole name with labels. */
  /** The driver's log. */
  get log(): string {
    return this.driver.log;
  }

  async metric(name: string): Promise<number | undefined> {
    const text = await this.driver.driver.metrics.text();
    const line = text.split('\n').find((each) => each.startsWith(`${name} `));
    return line === undefined ? undefined : Number(line.slice(name.length + 1));
  }

  #put(...objects: readonly unknown[]): void {
    // The manifests of other tests are written as JSON; the server checks what it takes.
    for (const object of objects) this.api.put(object as KubeObject);
  }
}
