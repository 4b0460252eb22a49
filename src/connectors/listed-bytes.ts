import type { DriverError } from '../errors.js';
import { objectKey } from '../kube/kube-object.js';
import type { ObjectScreen } from '../kube/object-screen.js';
import { noLoadObserver } from '../load/load-observer.js';
import { WatchedBytes } from './watched-bytes.js';
import type { BytesAccount } from './watched-bytes.js';

/** Bounds what all objects of some kinds take in memory that are listed as a whole, by the namespaces that they are in. */
export class ListedBytes {
  readonly #bytes: WatchedBytes;
  readonly #accounts = new Map<string, BytesAccount>();

  /** @param users who knows the objects, for messages: `the proxy knows`. */
  constructor(maxBytes: number, users: string) {
    this.#bytes = new WatchedBytes(maxBytes, noLoadObserver, users);
  }

  get used(): number {
    return this.#bytes.used;
  }

  /** For a reflector of the kind. @param noun as `connector`. */
  screen(noun: string, maxObjectBytes: number): ObjectScreen {
    return {
      maxObjectBytes,
      admit: (heapBytes, { namespace, name }): DriverError | undefined => {
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
