import type { ConnectorRef } from '../../../src/shared/connectors/model.ts';
import type { PodIdentity } from '../../../src/shared/access/permission.ts';
import type { KubeApi } from '../kube-api/kube-api.ts';
import type { KubeObject, StoredObject } from '../kube-api/resources.ts';
import { eventually } from '../poll.ts';

export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message?: string;
}

export const granted: Condition = { type: 'Ready', status: 'True', reason: 'Approved' };
export const rejected: Condition = {
  type: 'AccessCheckReady',
  status: 'False',
  reason: 'Rejected',
  message: 'not on a Friday',
};
export const unmatched: Condition = {
  type: 'AccessPolicyMatched',
  status: 'False',
  reason: 'NoPolicy',
  message: 'nothing selects it',
};
export const cleanedUp: Condition = { type: 'AccessPermissionSync', status: 'True', reason: 'PermissionCleanUp' };

/** Plays the controller that decides AccessRequests, by hand, with both ends of the test server. */
export class ApprovalsController {
  readonly #api: KubeApi;

  constructor(api: KubeApi) {
    this.#api = api;
  }

  get requests(): readonly StoredObject[] {
    return this.#api.list('accessrequests');
  }

  /** Waits for the requests to be made, in the order of their making. */
  async requested(count = 1): Promise<readonly StoredObject[]> {
    await eventually(`${count} requests are made`, () => this.requests.length >= count);
    return this.requests;
  }

  async requestOf(connector: ConnectorRef): Promise<StoredObject> {
    const find = (): StoredObject | undefined =>
      this.requests.find(({ metadata, spec }) => {
        const { connectorRef } = spec as { readonly connectorRef: { readonly name: string } };
        return metadata.namespace === connector.namespace && connectorRef.name === connector.name;
      });
    await eventually(`a request for ${connector.name} is made`, () => find() !== undefined);
    return find()!;
  }

  /** Waits until every request made so far is watched, so that what comes next comes by the watch. */
  async watched(count = 1): Promise<void> {
    await eventually('the requests are watched', () => this.#api.openWatches('accessrequests') >= count);
  }

  /** Replaces the conditions. */
  setConditions(request: KubeObject, ...conditions: readonly Condition[]): void {
    const { name, namespace } = request.metadata;
    const current = this.#api.get('accessrequests', { name, ...(namespace === undefined ? {} : { namespace }) });
    this.#api.put({ ...(current ?? request), status: { conditions } });
  }

  /** Gives the permission to the pod alone; the returned function takes it back. */
  permit(pod: PodIdentity, connector: ConnectorRef): () => void {
    return this.#api.bind({
      serviceAccount: `${pod.namespace}/${pod.serviceAccountName}`,
      namespace: connector.namespace,
      rules: [
        {
          verbs: ['*'],
          apiGroups: ['connectors.alauda.io'],
          resources: [`connectors/proxy/v1/pod/${pod.namespace}/${pod.name}`],
          resourceNames: [connector.name],
        },
      ],
    });
  }

  /** As a real controller does it: the permission first. */
  grant(request: KubeObject, pod: PodIdentity, connector: ConnectorRef): () => void {
    const revoke = this.permit(pod, connector);
    this.setConditions(request, granted);
    return revoke;
  }
}
