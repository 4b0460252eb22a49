import type { ApprovalSubject } from '../../access/access-request.js';
import { accessRequestName } from '../../access/access-request.js';
import { DecisionCache } from '../../access/decision-cache.js';
import { approvalStateOf } from '../../access/approval-state.js';
import { findRequestByName } from '../../access/request-lookup.js';
import { SingleFlight } from '../../limits/single-flight.js';
import type { Clock } from '../../clock.js';
import type { KubeClient } from '../../kube/kube-client.js';
import type { PodApprovals } from './ports.js';
import { accessLifetimes } from './subject-access-review-authorizer.js';

/** Limit of one lookup with its retries. Clients wait for it, and they time out sooner than kubelets. */
const timeoutMs = 10_000;

/** Reads the AccessRequests of pods from the API server. Results are cached as long as access reviews. */
export class KubernetesApprovals implements PodApprovals {
  readonly #client: KubeClient;
  readonly #answers: DecisionCache;
  readonly #reading = new SingleFlight<boolean>();
  readonly #keys = new WeakMap<ApprovalSubject, string>();

  constructor(client: KubeClient, clock: Clock) {
    this.#client = client;
    this.#answers = new DecisionCache(clock, client.clock.now, accessLifetimes);
  }

  isGranted(about: ApprovalSubject, signal: AbortSignal): Promise<boolean> {
    const key = this.#keyOf(about);
    const known = this.#answers.get(key);
    if (known !== undefined) return Promise.resolve(known);
    return this.#reading.run(key, signal, (shared) => this.#read(key, about, shared));
  }

  wasGranted(about: ApprovalSubject): boolean {
    return this.#answers.hint(this.#keyOf(about)) === true;
  }

  async #read(key: string, about: ApprovalSubject, signal: AbortSignal): Promise<boolean> {
    const readAt = this.#answers.now();
    const request = await findRequestByName(this.#client, about, { signal, timeoutMs });
    const isGranted = request !== undefined && approvalStateOf(request).kind === 'granted';
    this.#answers.put(key, isGranted, readAt, about.pod.namespace);
    return isGranted;
  }

  /**
   * Returns the cache key. Its digest of service account, pod uid and connector is computed once for all requests of a
   * tunnel.
   */
  #keyOf(about: ApprovalSubject): string {
    let key = this.#keys.get(about);
    if (key === undefined) {
      key = `${about.connector.namespace}/${accessRequestName(about)}`;
      this.#keys.set(about, key);
    }
    return key;
  }
}
