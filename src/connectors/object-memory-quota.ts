import { CodedError } from '../errors.js';
import { limits } from '../limits/defaults.js';
import type { LimitObserver } from '../limits/limit-observer.js';
import { SharedQuota } from '../limits/shared-quota.js';

/** What one object takes of the room. */
export interface MemoryReservation {
  /** Such as `connector ci/harbor`. */
  readonly object: string;
  /** Whoever writes the objects of a namespace says how large they are; empty for those of the cluster. */
  readonly namespace: string;
  bytes: number;
  /** What it would have taken when it was refused; 0 when it was not. */
  wantedBytes: number;
}

/** Gives up the object that has been unused for longest, other than that one. @returns whether there was one. */
export type Evict = (other: MemoryReservation) => boolean;

/** Bounds what the objects in memory take, by the namespaces that they are in. */
export class ObjectMemoryQuota {
  readonly #quota: SharedQuota;
  readonly #observer: LimitObserver;
  readonly #evictors: Evict[] = [];
  readonly #users: string;

  /** @param users who has the objects in use, for messages. */
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

  /** Unused objects go before an object is refused. */
  onPressure(evict: Evict): void {
    this.#evictors.push(evict);
  }

  /**
   * Makes the account one of so many bytes in place of what it was.
   * @returns why there is no room; the account then holds nothing.
   */
  admit(account: MemoryReservation, bytes: number): CodedError | undefined {
    this.release(account);
    if (!this.#makeRoom(account, bytes)) return this.#refuse(account, bytes);
    this.#quota.reserve(account.namespace, bytes);
    account.bytes = bytes;
    return undefined;
  }

  release(account: MemoryReservation): void {
    if (account.bytes > 0) this.#quota.release(account.namespace, account.bytes);
    account.bytes = 0;
    account.wantedBytes = 0;
  }

  /** Whether an object that was refused has room by now, perhaps in place of unused ones. */
  isDue(account: MemoryReservation): boolean {
    return account.wantedBytes > 0 && this.#makeRoom(account, account.wantedBytes);
  }

  #makeRoom(account: MemoryReservation, bytes: number): boolean {
    while (!this.#quota.canReserve(account.namespace, bytes)) {
      if (!this.#evictors.some((evict) => evict(account))) return false;
    }
    return true;
  }

  #refuse(account: MemoryReservation, bytes: number): CodedError {
    account.wantedBytes = bytes;
    this.#observer.refused(
      'cached_object_bytes',
      account.namespace === '' ? 'node' : 'namespace',
      `${account.namespace}/`,
    );
    const whose = account.namespace === '' ? 'the cluster' : `namespace "${account.namespace}"`;
    return new CodedError(
      'RESOURCE_EXHAUSTED',
      `${account.object} cannot be read: it takes ${inKiB(bytes)} in memory, and the objects of ${whose} that ${this.#users} take ${inKiB(this.#quota.usedBy(account.namespace))} of the ${inKiB(this.limit)} for all, which is their share`,
    );
  }
}

function inKiB(bytes: number): string {
  return `${Math.ceil(bytes / 1024)} KiB`;
}
