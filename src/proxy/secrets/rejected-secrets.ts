import { proxyLimits } from '../limits.js';
import { BoundedMap } from '../../shared/limits/bounded-map.js';
import { throwIfAborted } from '../../shared/errors.js';
import type { SecretObject, SecretSource, SecretVersion } from './secret-source.js';

/** Reads Secrets again whose content a tool has rejected, each version of a Secret at most once in 5 seconds. */
export class RejectedSecrets {
  readonly #secrets: SecretSource;
  readonly #monotonicNow: () => number;
  /** When each version was last read again. */
  readonly #rereadMs = new BoundedMap<number>(proxyLimits.secrets.rereadVersions);

  /** @param monotonicNow a monotonic clock in milliseconds. */
  constructor(secrets: SecretSource, monotonicNow: () => number) {
    this.#secrets = secrets;
    this.#monotonicNow = monotonicNow;
  }

  /** Makes the next request that needs the Secret read it again. */
  expire({ ref, version }: SecretVersion): void {
    const now = this.#monotonicNow();
    if (now - (this.#rereadMs.get(version) ?? -Infinity) < proxyLimits.secrets.rereadMs) return;
    this.#rereadMs.set(version, now);
    this.#secrets.expire(ref);
  }

  /**
   * Reads the Secret again. Concurrent callers share one read.
   * @returns undefined if it is unchanged, has been deleted, or cannot be read now.
   * @throws {CodedError} the signal's reason.
   */
  async newer(secret: SecretVersion, signal: AbortSignal): Promise<SecretObject | undefined> {
    this.expire(secret);
    try {
      const current = await this.#secrets.get(secret.ref, signal);
      return current?.version === secret.version ? undefined : current;
    } catch {
      throwIfAborted(signal);
      return undefined;
    }
  }
}
