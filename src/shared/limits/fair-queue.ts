/** A node of the queue's tree, such as a namespace or a pod. */
interface Share<T> {
  /** Service received so far. Starts at the virtual time of the parent when the share becomes active. */
  used: number;
  /** Virtual time: `used` of the child that was served last, before that. */
  virtualTime: number;
  readonly children: Map<string, Share<T>>;
  readonly items: T[];
  /** Queued items of the share and its children. */
  waiting: number;
}

function newShare<T>(used: number): Share<T> {
  return { used, virtualTime: 0, children: new Map(), items: [], waiting: 0 };
}

/**
 * A hierarchical fair queue (start-time fair queueing). On each level the share with the least service is next, however
 * much it has queued. Items of one share are FIFO.
 */
export class FairQueue<T> {
  #root = newShare<T>(0);

  get length(): number {
    return this.#root.waiting;
  }

  /** Returns the number of queued items of the share at the end of the path. */
  waitingIn(path: readonly string[]): number {
    let share: Share<T> | undefined = this.#root;
    for (const name of path) share = share?.children.get(name);
    return share?.waiting ?? 0;
  }

  add(path: readonly string[], item: T): void {
    const shares = this.#sharesOf(path);
    for (const [level, share] of shares.entries()) {
      // A share that was inactive has saved up no service.
      if (share.waiting === 0) share.used = Math.max(share.used, shares[level - 1]?.virtualTime ?? 0);
    }
    shares.at(-1)?.items.push(item);
    for (const share of shares) share.waiting++;
  }

  /** Dequeues the next item. @param isEligible filters the shares of the first level. */
  dequeue(isEligible: (name: string) => boolean): T | undefined {
    const shares = [this.#root];
    for (let share = leastUsed(this.#root, isEligible); share !== undefined; share = leastUsed(share, () => true)) {
      shares.push(share);
    }
    const item = shares.at(-1)?.items.shift();
    if (item === undefined) return undefined;
    for (const [level, share] of shares.entries()) {
      share.waiting--;
      const parent = shares[level - 1];
      if (parent !== undefined) parent.virtualTime = share.used;
    }
    return item;
  }

  /** Removes a cancelled item, if it is queued. */
  remove(path: readonly string[], item: T): void {
    const shares = this.#sharesOf(path);
    const items = shares.at(-1)?.items ?? [];
    const index = items.indexOf(item);
    if (index < 0) return;
    items.splice(index, 1);
    for (const share of shares) share.waiting--;
  }

  /** Charges service to the share at the end of the path and to its parents. */
  charge(path: readonly string[], amount: number): void {
    for (const share of this.#sharesOf(path)) share.used += amount;
  }

  /** Resets the accounting, so that names do not accumulate. Call it only if nothing is queued and nothing runs. */
  reset(): void {
    this.#root = newShare(0);
  }

  /** Returns the shares along a path, root first. */
  #sharesOf(path: readonly string[]): Share<T>[] {
    const shares = [this.#root];
    let parent = this.#root;
    for (const name of path) {
      const share = parent.children.get(name) ?? newShare(parent.virtualTime);
      parent.children.set(name, share);
      shares.push(share);
      parent = share;
    }
    return shares;
  }
}

function leastUsed<T>(parent: Share<T>, isEligible: (name: string) => boolean): Share<T> | undefined {
  let least: Share<T> | undefined;
  for (const [name, share] of parent.children) {
    if (share.waiting > 0 && isEligible(name) && (least === undefined || share.used < least.used)) least = share;
  }
  return least;
}
