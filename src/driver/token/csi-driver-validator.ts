import { CodedError } from '../../shared/errors.ts';
import type { JsonObject, JsonValue } from '../../shared/json.ts';
import { jsonItems, jsonMember } from '../../shared/json.ts';
import type { KubeClient } from '../../shared/kube/kube-client.ts';
import { Reflector } from '../../shared/kube/reflector.ts';
import type { ResourceType } from '../../shared/kube/resource-location.ts';
import type { Log } from '../../shared/log.ts';
import type { CsiDriverValidator } from '../publish/ports.ts';
import type { PassedTokenOrigin } from './kubelet-tokens.ts';
import { notSyncedReason, waitForSync } from '../../shared/connectors/wait-for-sync.ts';

export const csiDriverType: ResourceType = { apiVersion: 'storage.k8s.io/v1', kind: 'CSIDriver', plural: 'csidrivers' };

/**
 * Validates the driver's own CSIDriver object, which it watches. Without `podInfoOnMount: true` the kubelet does not
 * set the pod's identity, so a pod's author could write another pod's into `volumeAttributes`. Then every publish is
 * rejected.
 */
export class ApiCsiDriverValidator implements CsiDriverValidator {
  readonly #driverName: string;
  readonly #reflector: Reflector;

  constructor(client: KubeClient, driverName: string, log: Log) {
    this.#driverName = driverName;
    this.#reflector = new Reflector(client, { type: csiDriverType, name: driverName }, log);
  }

  start(): void {
    this.#reflector.start();
  }

  stop(): void {
    this.#reflector.stop();
  }

  async ensureTrustworthy(signal: AbortSignal): Promise<void> {
    const { state } = this.#reflector;
    if (!state.isSynced) await waitForSync(state, signal, this.#reading());
    const problem = this.#problem();
    if (problem !== undefined) throw new CodedError('FAILED_PRECONDITION', problem);
  }

  /** Time of the last response that confirmed the cached object, by the client's clock. */
  get confirmedAtMs(): number | undefined {
    return this.#reflector.state.confirmedAtMs;
  }

  isKnownTrustworthy(): boolean {
    return this.problem() === undefined;
  }

  /** Returns why publishes are rejected; undefined if they are not. */
  problem(): string | undefined {
    return notSyncedReason(this.#reflector.state, this.#reading()) ?? this.#problem();
  }

  tokenOrigin(audience: string): PassedTokenOrigin {
    if (!this.requestsTokensFor(audience)) return 'none';
    return jsonMember(this.#spec(), 'serviceAccountTokenInSecrets') === true ? 'secrets' : 'volume-context';
  }

  /** Reports whether the object requests tokens of an audience from the kubelet. */
  requestsTokensFor(audience: string): boolean {
    const requests = jsonItems(jsonMember(this.#spec(), 'tokenRequests'));
    return requests.some((request) => jsonMember(request, 'audience') === audience);
  }

  #reading(): string {
    return `reading csidriver ${this.#driverName}`;
  }

  #problem(): string | undefined {
    if (this.#object() === undefined) {
      return `CSIDriver "${this.#driverName}" does not exist: apply the driver's manifests, or start it with the --driver-name of the object`;
    }
    if (jsonMember(this.#spec(), 'podInfoOnMount') === true) return undefined;
    return `CSIDriver "${this.#driverName}" has not "podInfoOnMount: true", so that pods could pose as others: set it in spec`;
  }

  #spec(): JsonValue | undefined {
    return jsonMember(this.#object(), 'spec');
  }

  #object(): JsonObject | undefined {
    const [object] = this.#reflector.state.objects.values();
    return object;
  }
}
