import path from 'node:path';
import { kubernetesBackend } from '../../../src/driver/kubernetes-backend.ts';
import { watchTimes } from '../../../src/driver/connectors/watch-limits.ts';
import type { WatchLimits } from '../../../src/driver/connectors/watch-limits.ts';
import type { JsonObject } from '../../../src/shared/json.ts';
import { inClusterConfig } from '../../../src/shared/kube/load-cluster-config.ts';
import type { KubeTimings } from '../../../src/shared/kube/timings.ts';
import { bindDriver, type Purpose } from '../access/driver-rules.ts';
import { only, rendered } from '../deploy/manifests.ts';
import type { InClusterFiles } from '../kube-api/credential-files.ts';
import { KubeApi } from '../kube-api/kube-api.ts';
import type { KubeApiOptions } from '../kube-api/kube-api.ts';
import type { KubeObject } from '../kube-api/resources.ts';
import { quickTimings } from '../kube-client/quick-timings.ts';
import { driverAccount, driverUser } from './driver-account.ts';
import { InProcessDriver } from './in-process-driver.ts';
import type { InProcessOptions } from './in-process-driver.ts';
import { connector, connectorClass } from './manifests.ts';
import { NodeSandbox } from './node-sandbox.ts';

interface ClusterDriverOptions extends InProcessOptions {
  readonly timings?: KubeTimings;
  readonly watchTimes?: Pick<WatchLimits, 'idleMs' | 'sweepMs'>;
  readonly random?: () => number;
  /** A monotonic clock in milliseconds. */
  readonly monotonicNow?: () => number;
}

/** What takes a right away again. */
type Revoke = () => void;

/**
 * A node in a cluster: the test API server with the objects that deploy/ makes, connector ci/harbor of class oci,
 * which account ci/builder may use, and drivers that have the rights of deploy/ and no others.
 */
export class Cluster {
  readonly api: KubeApi;
  readonly node = new NodeSandbox();
  readonly credentials: InClusterFiles;
  readonly #drivers: InProcessDriver[] = [];

  private constructor(api: KubeApi) {
    this.api = api;
    this.credentials = api.writeInClusterFiles(path.join(this.node.root, 'serviceaccount'), driverAccount);
    this.put(connector('harbor'));
    this.put(connectorClass('oci'));
    // Of pods. Tokens are minted for accounts that exist.
    this.put({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { namespace: 'ci', name: 'builder' } });
    this.allow('harbor');
  }

  static async start(options?: KubeApiOptions): Promise<Cluster> {
    const cluster = await Cluster.startBare(options);
    cluster.grantDriver('driver');
    cluster.putCsiDriver({});
    return cluster;
  }

  /** Without anything of deploy/ in it. */
  static async startBare(options?: KubeApiOptions): Promise<Cluster> {
    return new Cluster(await KubeApi.start(options));
  }

  /** Ends all drivers, which must have told nobody a token. */
  async stop(): Promise<void> {
    try {
      for (const driver of this.#drivers.splice(0)) await driver.stop();
    } finally {
      await this.api.stop();
      this.node.remove();
    }
  }

  /** A driver that has been started; it need not be ready yet. */
  async driver(options: ClusterDriverOptions = {}): Promise<InProcessDriver> {
    const { host, port, folder } = this.credentials;
    const now = options.monotonicNow ?? ((): number => performance.now());
    const driver = new InProcessDriver(this.node, {
      ...options,
      flags: ['--connector-source', 'kubernetes', '--manifests', '', ...(options.flags ?? [])],
      backend: (parts) =>
        kubernetesBackend({
          ...parts,
          cluster: inClusterConfig({ host, port, folder }, now),
          timings: options.timings ?? quickTimings,
          kubeClock: { now, random: options.random ?? Math.random },
          watchTimes: options.watchTimes ?? watchTimes,
        }),
    });
    await driver.driver.start();
    this.#drivers.push(driver);
    return driver;
  }

  /** Flags of `serve` for a driver in a process of its own, with the rights of deploy/. */
  processFlags(): readonly string[] {
    const kubeconfig = path.join(this.node.root, 'kubeconfig');
    this.api.writeKubeconfig(kubeconfig, { name: driverUser });
    return [
      ...['--connector-source', 'kubernetes', '--manifests', '', '--kubeconfig', kubeconfig],
      ...['--http-address', '127.0.0.1:0'],
    ];
  }

  async readyDriver(options?: ClusterDriverOptions): Promise<InProcessDriver> {
    const driver = await this.driver(options);
    await driver.kubelet.untilReady();
    return driver;
  }

  /** As if the process had ended: its volumes stay mounted. */
  async stopDriver(driver: InProcessDriver): Promise<void> {
    this.#drivers.splice(this.#drivers.indexOf(driver), 1);
    await driver.stop();
  }

  /** Gives the driver what roles of the chart give it. */
  grantDriver(purpose: Purpose): Revoke {
    return bindDriver(this.api, purpose, { serviceAccount: `${driverAccount.namespace}/${driverAccount.name}` });
  }

  /** The account of the pods may use a connector of namespace ci. */
  allow(names: string | readonly string[], account = 'ci/builder', namespace = 'ci'): Revoke {
    const rule = {
      verbs: ['get'],
      apiGroups: ['connectors.alauda.io'],
      resources: ['connectors'],
      resourceNames: [names].flat(),
    };
    return this.api.bind({ serviceAccount: account, namespace, rules: [rule] });
  }

  /** The CSIDriver object of deploy/ with changes in its spec; undefined takes a field out. */
  putCsiDriver(changes: Readonly<Record<string, unknown>>): void {
    const manifest = only(rendered('driver'), 'CSIDriver') as unknown as KubeObject;
    this.api.put({ ...manifest, spec: { ...(manifest['spec'] as JsonObject), ...changes } });
  }

  put(object: JsonObject): void {
    this.api.put(object as unknown as KubeObject);
  }

  get reviews(): number {
    return this.api.count({ resource: 'subjectaccessreviews' });
  }
}
