import type { CodedError } from '../errors.js';
import { objectKey } from '../kube/kube-object.js';
import type { ObjectAdmission } from '../kube/object-admission.js';
import { noLimitObserver } from '../limits/limit-observer.js';
import { ObjectMemoryQuota } from './object-memory-quota.js';
import type { MemoryReservation } from './object-memory-quota.js';

/** Bounds what all objects of some kinds take in memory that are listed as a whole, by the namespaces that they are in. */
export class InformerMemoryQuota {
  readonly #bytes: ObjectMemoryQuota;
  readonly #accounts = new Map<string, MemoryReservation>();

  /** @param users who knows the objects, for messages: `the proxy knows`. */
  constructor(maxBytes: number, users: string) {
    this.#bytes = new ObjectMemoryQuota(maxBytes, noLimitObserver, users);
  }

  get used(): number {
    return this.#bytes.used;
  }

  /** For a reflector of the kind. @param noun as `connector`. */
  screen(noun: string, maxObjectBytes: number): ObjectAdmission {
    return {
      maxObjectBytes,
      admit: (heapBytes, { namespace, name }): CodedError | undefined => {
        const key = `${noun} ${objectKey({ namespace, name })}`;
        const account = this.#accounts.get(key) ?? {
          object: key,
          namespace: namespace ?? '',
          bytes: 0,
          wantedBytes: 0,
        };
        const refusal = this.#bytes.admit(account, heapBytes);
        if (refusal === undefined) this.#accounts.set(key, account);
        else this.#accounts.delete(key);
        return refusal;
      },
    };
  }

  /** The object is there no longer. @returns whether that has made room. */
  release(noun: string, key: string): boolean {
    const account = this.#accounts.get(`${noun} ${key}`);
    if (account === undefined) return false;
    this.#bytes.release(account);
    return this.#accounts.delete(`${noun} ${key}`);
  }
}
