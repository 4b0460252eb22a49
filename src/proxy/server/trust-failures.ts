import type { Clock } from '../../clock.js';
import { FairMap } from '../../limits/fair-map.js';
import type { ClientIdentity } from '../auth/client-identity.js';
import { serviceAccountOf } from '../auth/client-identity.js';

/** Failed handshakes of one client for one reason: its programs reject the certificates of the proxy. */
export interface TrustFailure {
  /** `ci/build-1`; undefined if the token is not bound to a pod. */
  readonly pod: string | undefined;
  /** `ci/builder`; undefined for other users. */
  readonly serviceAccount: string | undefined;
  /** Host of the last one, with its port. */
  readonly host: string;
  readonly reason: string;
  /** Variable or option with which the program trusts a CA; undefined if it is not known. */
  readonly setting: string | undefined;
  readonly count: number;
  /** Time of the last one in milliseconds since the epoch. */
  readonly lastAtMs: number;
}

export interface TrustFailuresOptions {
  readonly clock: Clock;
  /** See limits.trustFailures. */
  readonly limits: { readonly entries: number; readonly keptMs: number };
}

/** Where the health port serves them, to programs in the container of the proxy alone. */
export const trustFailuresPath = '/trust-failures';

/** The clients whose programs have rejected the certificates of the proxy, for `doctor --proxy`. */
export class TrustFailures {
  readonly #options: TrustFailuresOptions;
  readonly #entries: FairMap<TrustFailure>;

  constructor(options: TrustFailuresOptions) {
    this.#options = options;
    this.#entries = new FairMap(options.limits.entries);
  }

  add({ pod, user }: ClientIdentity, host: string, reason: string, setting: string | undefined): void {
    const account = serviceAccountOf(user);
    const who = {
      pod: pod && `${pod.namespace}/${pod.name}`,
      serviceAccount: account && `${account.namespace}/${account.name}`,
    };
    const key = [who.pod ?? '', who.serviceAccount ?? '', reason, setting ?? ''].join(' ');
    const count = (this.#entries.get(key)?.count ?? 0) + 1;
    const lastAtMs = this.#options.clock.now();
    this.#entries.set(key, { ...who, host, reason, setting, count, lastAtMs }, account?.namespace ?? '');
  }

  /** Returns those of the last hour, the newest first. */
  recent(): readonly TrustFailure[] {
    const { clock, limits } = this.#options;
    const since = clock.now() - limits.keptMs;
    return [...this.#entries.values()].filter(({ lastAtMs }) => lastAtMs > since).reverse();
  }
}
