import { KubernetesAccess } from '../../../src/driver/approval/kubernetes-access.ts';
import type { KubernetesAccessOptions } from '../../../src/driver/approval/kubernetes-access.ts';
import type { KubeClient } from '../../../src/shared/kube/kube-client.ts';
import { noLimitObserver } from '../../../src/shared/limits/limit-observer.ts';
import { silentLog } from '../../../src/shared/log.ts';
import type { PublishSlot } from '../../../src/driver/publish/ports.ts';
import type { ConnectorRef, FeatureFlags } from '../../../src/shared/connectors/model.ts';
import type { PodIdentity } from '../../../src/shared/access/permission.ts';
import type { PolicyRule } from '../kube-api/access-rules.ts';
import { KubeApi } from '../kube-api/kube-api.ts';
import { configFor, testClient } from '../kube-client/test-client.ts';
import { bindDriver, driverUser } from './driver-rules.ts';

export const readOnlyFlags: FeatureFlags = {
  connectorProxyPermissions: false,
  connectorsApproval: false,
  multiConnector: true,
};
export const proxyFlags: FeatureFlags = { ...readOnlyFlags, connectorProxyPermissions: true };
export const approvalFlags: FeatureFlags = { ...proxyFlags, connectorsApproval: true };

export const harbor: ConnectorRef = { namespace: 'team-a', name: 'harbor' };
export const github: ConnectorRef = { namespace: 'team-b', name: 'github' };

export const podNamed = (name: string): PodIdentity => ({
  namespace: 'ci',
  name,
  uid: `uid-of-${name}`,
  serviceAccountName: 'builder',
});
export const pod = podNamed('build-1');

export function callFor(signal: AbortSignal = new AbortController().signal): PublishSlot {
  return { owner: { namespace: pod.namespace, podUid: pod.uid }, signal, releaseWhile: (wait) => wait() };
}

/** A clock that only tests move. */
class ManualClock {
  ms = 0;
}

/** The test API server, a client with the rights that deploy/ gives to the driver, and the access control on it. */
export class AccessFixture {
  readonly api: KubeApi;
  readonly client: KubeClient;
  readonly clock = new ManualClock();
  readonly access: KubernetesAccess;
  /** Takes the driver's rights away. */
  readonly revokeFromDriver: Readonly<Record<'driver' | 'approval', () => void>>;

  private constructor(api: KubeApi, options: Partial<KubernetesAccessOptions>) {
    this.api = api;
    this.revokeFromDriver = { driver: bindDriver(api, 'driver'), approval: bindDriver(api, 'approval') };
    this.client = testClient(configFor(api, api.tokenFor(driverUser)));
    this.access = this.newAccess(options);
  }

  static async start(options: Partial<KubernetesAccessOptions> = {}): Promise<AccessFixture> {
    return new AccessFixture(await KubeApi.start(), options);
  }

  async stop(): Promise<void> {
    this.client.close();
    await this.api.stop();
  }

  /** Another driver's: knows nothing of what the first one has asked. */
  newAccess(options: Partial<KubernetesAccessOptions> = {}): KubernetesAccess {
    return new KubernetesAccess({
      client: this.client,
      monotonicNow: () => this.clock.ms,
      log: silentLog,
      watchesApprovals: false,
      waitMs: 10_000,
      firstWaitMs: 10_000,
      nodeName: 'node-1',
      maxWatchedRequests: 1000,
      load: noLimitObserver,
      observer: { approvalStarted: () => undefined, approvalFinished: () => undefined },
      ...options,
    });
  }

  /** Gives the pods' account a rule for one connector; the returned function takes it back. */
  allow(connector: ConnectorRef, resource: string, verb: string): () => void {
    const rule: PolicyRule = {
      verbs: [verb],
      apiGroups: ['connectors.alauda.io'],
      resources: [resource],
      resourceNames: [connector.name],
    };
    return this.api.bind({ serviceAccount: 'ci/builder', namespace: connector.namespace, rules: [rule] });
  }

  allowRead(...connectors: readonly ConnectorRef[]): void {
    for (const connector of connectors) this.allow(connector, 'connectors', 'get');
  }

  get reviews(): number {
    return this.api.count({ resource: 'subjectaccessreviews' });
  }
}
