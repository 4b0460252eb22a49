/** Those who have a share in something, and within each share those who have a share in it. */
interface Share<T> {
  /** What it has had so far, counted from where the others stood when it began to wait. */
  used: number;
  /** What the one within that had the last turn had had before. */
  virtualTime: number;
  readonly inner: Map<string, Share<T>>;
  readonly items: T[];
  /** Items in it and within. */
  waiting: number;
}

function newShare<T>(used: number): Share<T> {
  return { used, virtualTime: 0, inner: new Map(), items: [], waiting: 0 };
}

/**
 * Gives turns to those who have had least, whoever asks most often: the shares of each level are equal, whatever waits
 * within them. Items of one share come in the order in which they were added.
 */
export class FairQueue<T> {
  #root = newShare<T>(0);

  get length(): number {
    return this.#root.waiting;
  }

  /** Items that wait within the share at the end of this path. */
  waitingIn(path: readonly string[]): number {
    let share: Share<T> | undefined = this.#root;
    for (const name of path) share = share?.inner.get(name);
    return share?.waiting ?? 0;
  }

  add(path: readonly string[], item: T): void {
    const shares = this.#sharesOf(path);
    for (const [level, share] of shares.entries()) {
      // Who has not asked for long has not saved anything up.
      if (share.waiting === 0) share.used = Math.max(share.used, shares[level - 1]?.virtualTime ?? 0);
    }
    shares.at(-1)?.items.push(item);
    for (const share of shares) share.waiting++;
  }

  /** Takes out the next item. @param isEligible whether a share of the first level may have a turn. */
  dequeue(isEligible: (name: string) => boolean): T | undefined {
    const shares = [this.#root];
    for (let share = leastUsed(this.#root, isEligible); share !== undefined; share = leastUsed(share, () => true)) {
      shares.push(share);
    }
    const item = shares.at(-1)?.items.shift();
    if (item === undefined) return undefined;
    for (const [level, share] of shares.entries()) {
      share.waiting--;
      const around = shares[level - 1];
      if (around !== undefined) around.virtualTime = share.used;
    }
    return item;
  }

  /** Takes an item out that nobody waits for any more. @returns whether it was there. */
  remove(path: readonly string[], item: T): boolean {
    const shares = this.#sharesOf(path);
    const items = shares.at(-1)?.items ?? [];
    const index = items.indexOf(item);
    if (index < 0) return false;
    items.splice(index, 1);
    for (const share of shares) share.waiting--;
    return true;
  }

  /** Counts what the share at the end of the path has had, against it and those around it. */
  charge(path: readonly string[], amount: number): void {
    for (const share of this.#sharesOf(path)) share.used += amount;
  }

  /** Forgets what was used: to be called when nobody waits and nobody has a turn, so that names do not gather. */
  reset(): void {
    this.#root = newShare(0);
  }

  /** The shares along a path, the whole first. */
  #sharesOf(path: readonly string[]): Share<T>[] {
    const shares = [this.#root];
    let around = this.#root;
    for (const name of path) {
      const share = around.inner.get(name) ?? newShare(around.virtualTime);
      around.inner.set(name, share);
      shares.push(share);
      around = share;
    }
    return shares;
  }
}

function leastUsed<T>(around: Share<T>, isEligible: (name: string) => boolean): Share<T> | undefined {
  let least: Share<T> | undefined;
  for (const [name, share] of around.inner) {
    if (share.waiting > 0 && isEligible(name) && (least === undefined || share.used < least.used)) least = share;
  }
  return least;
}
