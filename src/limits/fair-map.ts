interface Entry<V> {
  readonly holder: string;
  readonly value: V;
}

/**
 * A map of limited size that is shared fairly: when it is full, the oldest entry of the holder with the most entries is
 * evicted. So no holder can evict the entries of holders that have fewer.
 */
export class FairMap<V> {
  readonly #capacity: number;
  readonly #entries = new Map<string, Entry<V>>();
  /** The keys of each holder, oldest first. */
  readonly #keys = new Map<string, Set<string>>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get(key: string): V | undefined {
    return this.#entries.get(key)?.value;
  }

  /** An entry that is replaced counts as new. */
  set(key: string, value: V, holder: string): void {
    this.delete(key);
    this.#entries.set(key, { holder, value });
    const keys = this.#keys.get(holder);
    if (keys === undefined) this.#keys.set(holder, new Set([key]));
    else keys.add(key);
    if (this.#entries.size > this.#capacity) this.#evict();
  }

  delete(key: string): void {
    const holder = this.#entries.get(key)?.holder;
    if (holder === undefined) return;
    this.#entries.delete(key);
    const keys = this.#keys.get(holder);
    keys?.delete(key);
    if (keys?.size === 0) this.#keys.delete(holder);
  }

  #evict(): void {
    let most: ReadonlySet<string> = new Set();
    for (const keys of this.#keys.values()) if (keys.size > most.size) most = keys;
    this.delete(most.keys().next().value ?? '');
  }
}
