import { sourceNames } from './sources.ts';
import type { SourceName, Versions } from './sources.ts';
import type { VersionedSources } from './versioned-sources.ts';

/**
 * What the driver may take for the state of the cluster: what is there now, or anything that was there since it was last
 * seen to know. News takes a while on its way, and no way is known to hurry it.
 */
export class ExpectedState {
  readonly #sources: VersionedSources;
  readonly #exists = new Map<SourceName, Set<boolean>>();
  readonly #allowsSeveral: Set<boolean>;
  /** States of the flag since then. No volume shows which of them the driver has read, so they may still come. */
  readonly recentFlags = new Set<boolean>();
  readonly #lowest: Record<SourceName, number>;
  /** Something has been wrong with the API server since the driver was last seen to know everything. */
  hasFault = false;

  /** @param sources at a time at which the driver knows them. @param flags states of the flag that may still come. */
  constructor(sources: VersionedSources, flags: Iterable<boolean> = []) {
    this.#sources = sources;
    for (const name of sourceNames) this.#exists.set(name, new Set([sources.exists(name)]));
    this.#allowsSeveral = new Set([sources.allowsSeveral, ...flags]);
    this.#lowest = { ...sources.versions };
  }

  /** To be called after every change of the sources. */
  changed(): void {
    for (const name of sourceNames) this.#exists.get(name)?.add(this.#sources.exists(name));
    this.recentFlags.add(this.#sources.allowsSeveral);
    this.#allowsSeveral.add(this.#sources.allowsSeveral);
  }

  mayExist(name: SourceName): boolean {
    return this.#exists.get(name)?.has(true) === true;
  }

  mayBeAbsent(name: SourceName): boolean {
    return this.#exists.get(name)?.has(false) === true;
  }

  get mayAllowSeveral(): boolean {
    return this.#allowsSeveral.has(true);
  }

  get mayForbidSeveral(): boolean {
    return this.#allowsSeveral.has(false);
  }

  /** The oldest states that it may still take for the present ones. */
  get lowest(): Versions {
    return { ...this.#lowest };
  }

  /** It is seen to know a state; it never goes back. */
  seen(versions: Readonly<Partial<Versions>>): void {
    for (const name of sourceNames) this.#lowest[name] = Math.max(this.#lowest[name], versions[name] ?? 0);
  }
}
