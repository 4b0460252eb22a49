import type { CodedError } from '../../shared/errors.js';
import { objectKey } from '../../shared/kube/kube-object.js';
import type { ObjectAdmission } from '../../shared/kube/object-admission.js';
import { noLimitObserver } from '../../shared/limits/limit-observer.js';
import { ObjectMemoryQuota } from '../../shared/connectors/object-memory-quota.js';
import type { MemoryReservation } from '../../shared/connectors/object-memory-quota.js';

/** Limits the memory of all objects that are listed as a whole, with a share per namespace. */
export class InformerMemoryQuota {
  readonly #quota: ObjectMemoryQuota;
  readonly #reservations = new Map<string, MemoryReservation>();

  /** @param users users of the objects, for messages: `the proxy knows`. */
  constructor(maxBytes: number, users: string) {
    this.#quota = new ObjectMemoryQuota(maxBytes, noLimitObserver, users);
  }

  get used(): number {
    return this.#quota.used;
  }

  /** Returns the admission of a reflector. @param noun kind of its objects in messages: `connector`. */
  admissionFor(noun: string, maxObjectBytes: number): ObjectAdmission {
    return {
      maxObjectBytes,
      admit: (heapBytes, { namespace, name }): CodedError | undefined => {
        const key = `${noun} ${objectKey({ namespace, name })}`;
        const reservation = this.#reservations.get(key) ?? {
          object: key,
          namespace: namespace ?? '',
          bytes: 0,
          wantedBytes: 0,
        };
        const rejection = this.#quota.admit(reservation, heapBytes);
        if (rejection === undefined) this.#reservations.set(key, reservation);
        else this.#reservations.delete(key);
        return rejection;
      },
    };
  }

  /** Releases the memory of a deleted object. @returns whether it had any. */
  release(noun: string, key: string): boolean {
    const reservation = this.#reservations.get(`${noun} ${key}`);
    if (reservation === undefined) return false;
    this.#quota.release(reservation);
    return this.#reservations.delete(`${noun} ${key}`);
  }
}
