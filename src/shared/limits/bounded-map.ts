interface Entry<V> {
  readonly holder: string;
  readonly value: V;
  readonly size: number;
}

interface Holding<K> {
  /** Oldest first. */
  readonly keys: Set<K>;
  size: number;
}

/**
 * A map of limited size. When it is full, the oldest entry of the largest holder is evicted, so no holder can evict the
 * entries of smaller ones. An entry that is set becomes the newest.
 */
export class BoundedMap<V, K = string> {
  readonly #capacity: number;
  readonly #entries = new Map<K, Entry<V>>();
  readonly #holdings = new Map<string, Holding<K>>();
  #size = 0;

  /** @param capacity in entries, or in the unit of their sizes. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Number of entries. */
  get size(): number {
    return this.#entries.size;
  }

  has(key: K): boolean {
    return this.#entries.has(key);
  }

  get(key: K): V | undefined {
    return this.#entries.get(key)?.value;
  }

  keys(): Iterable<K> {
    return this.#entries.keys();
  }

  /** Returns the values, oldest first. */
  *values(): Generator<V> {
    for (const { value } of this.#entries.values()) yield value;
  }

  /** @param holder whose entries are evicted first if it has the most; the same for all by default. */
  set(key: K, value: V, holder = '', size = 1): void {
    this.delete(key);
    this.#entries.set(key, { holder, value, size });
    const holding = this.#holdings.get(holder) ?? { keys: new Set(), size: 0 };
    holding.keys.add(key);
    holding.size += size;
    this.#holdings.set(holder, holding);
    this.#size += size;
    while (this.#size > this.#capacity) this.evict();
  }

  delete(key: K): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    const { holder, size } = entry;
    this.#entries.delete(key);
    this.#size -= size;
    const holding = this.#holdings.get(holder);
    if (holding === undefined) return;
    holding.keys.delete(key);
    holding.size -= size;
    if (holding.keys.size === 0) this.#holdings.delete(holder);
  }

  /** Removes the oldest entry of the largest holder. @returns its value; undefined if the map is empty. */
  evict(): V | undefined {
    let most: Holding<K> | undefined;
    for (const holding of this.#holdings.values()) if (most === undefined || holding.size > most.size) most = holding;
    for (const key of most?.keys ?? []) {
      const value = this.get(key);
      this.delete(key);
      return value;
    }
    return undefined;
  }
}
