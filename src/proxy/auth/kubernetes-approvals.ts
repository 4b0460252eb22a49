import type { ApprovalSubject } from '../../shared/access/access-request.ts';
import { accessRequestName } from '../../shared/access/access-request.ts';
import { DecisionCache } from '../../shared/access/decision-cache.ts';
import { approvalStateOf } from '../../shared/access/approval-state.ts';
import { findRequest } from '../../shared/access/request-lookup.ts';
import { proxyLimits } from '../limits.ts';
import { SingleFlight } from '../../shared/limits/single-flight.ts';
import type { KubeClient } from '../../shared/kube/kube-client.ts';
import type { PodApprovals } from './ports.ts';

/** Limit of one lookup with its retries. Clients wait for it, and they time out sooner than kubelets. */
const timeoutMs = 10_000;

/** Reads the AccessRequests of pods from the API server. Results are cached as long as access reviews. */
export class KubernetesApprovals implements PodApprovals {
  readonly #client: KubeClient;
  readonly #decisions: DecisionCache;
  readonly #reads = new SingleFlight<boolean>();

  constructor(client: KubeClient) {
    this.#client = client;
    this.#decisions = new DecisionCache(client.clock.now, proxyLimits.proxyAccess);
  }

  isGranted(subject: ApprovalSubject, signal: AbortSignal): Promise<boolean> {
    const key = `${subject.connector.namespace}/${accessRequestName(subject)}`;
    const cached = this.#decisions.get(key);
    if (cached !== undefined) return Promise.resolve(cached);
    return this.#reads.run(key, signal, (shared) => this.#read(key, subject, shared));
  }

  async #read(key: string, subject: ApprovalSubject, signal: AbortSignal): Promise<boolean> {
    const readAt = this.#decisions.now();
    const request = await findRequest(this.#client, subject, { signal, timeoutMs });
    const isGranted = request !== undefined && approvalStateOf(request).kind === 'granted';
    this.#decisions.put(key, isGranted, readAt, subject.pod.namespace);
    return isGranted;
  }
}
