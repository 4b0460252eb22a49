import { CodedError } from '../errors.ts';
import { limits } from '../limits/defaults.ts';
import type { LimitObserver } from '../limits/limit-observer.ts';
import { SharedQuota } from '../limits/shared-quota.ts';

/** Memory reserved for one object. */
export interface MemoryReservation {
  /** Name of the object, such as `connector ci/harbor`. */
  readonly object: string;
  /**
   * Namespace of the object, whose share it uses: writers in a namespace determine the size. Empty for cluster-scoped
   * ones.
   */
  readonly namespace: string;
  bytes: number;
  /** Bytes that were rejected; 0 if the object was admitted. */
  wantedBytes: number;
}

/** Limits the memory of cached objects, with a share per namespace. */
export class ObjectMemoryQuota {
  readonly #quota: SharedQuota;
  readonly #observer: LimitObserver;
  readonly #onEvict: ((other: MemoryReservation) => boolean)[] = [];
  readonly #users: string;

  /** @param users users of the objects, for messages. */
  constructor(maxBytes: number, observer: LimitObserver, users = 'this node uses') {
    this.#users = users;
    this.#quota = new SharedQuota(maxBytes, limits.watches.namespaceShare);
    this.#observer = observer;
  }

  get used(): number {
    return this.#quota.used;
  }

  get limit(): number {
    return this.#quota.capacity;
  }

  /**
   * Registers a function that is called before an object is rejected. It evicts the least recently used object, except
   * the given one, and returns whether there was one.
   */
  onEvict(evict: (other: MemoryReservation) => boolean): void {
    this.#onEvict.push(evict);
  }

  /**
   * Replaces the reservation by one of `bytes`.
   * @returns why it is rejected; the reservation is then empty.
   */
  acquire(reservation: MemoryReservation, bytes: number): CodedError | undefined {
    this.release(reservation);
    if (!this.#evictUntilFits(reservation, bytes)) return this.#reject(reservation, bytes);
    this.#quota.acquire(reservation.namespace, bytes);
    reservation.bytes = bytes;
    return undefined;
  }

  release(reservation: MemoryReservation): void {
    if (reservation.bytes > 0) this.#quota.release(reservation.namespace, reservation.bytes);
    reservation.bytes = 0;
    reservation.wantedBytes = 0;
  }

  /** Reports whether a rejected object fits now, possibly after evicting unused ones. */
  canAcquire(reservation: MemoryReservation): boolean {
    return reservation.wantedBytes > 0 && this.#evictUntilFits(reservation, reservation.wantedBytes);
  }

  #evictUntilFits(reservation: MemoryReservation, bytes: number): boolean {
    while (!this.#quota.canAcquire(reservation.namespace, bytes)) {
      if (!this.#onEvict.some((evict) => evict(reservation))) return false;
    }
    return true;
  }

  #reject(reservation: MemoryReservation, bytes: number): CodedError {
    reservation.wantedBytes = bytes;
    this.#observer.rejected(
      'cached_object_bytes',
      reservation.namespace === '' ? 'node' : 'namespace',
      `${reservation.namespace}/`,
    );
    const whose = reservation.namespace === '' ? 'the cluster' : `namespace "${reservation.namespace}"`;
    const message = `${reservation.object} cannot be read: it takes ${inKiB(bytes)} in memory, and the objects of ${whose} that ${this.#users} take ${inKiB(this.#quota.usedBy(reservation.namespace))} of the ${inKiB(this.limit)} for all, which is their share`;
    return new CodedError('RESOURCE_EXHAUSTED', message);
  }
}

function inKiB(bytes: number): string {
  return `${Math.ceil(bytes / 1024)} KiB`;
}
