import { randomBytes } from 'node:crypto';
import { SlowWorkNeeded, type SlowTask } from './slow-work.js';

/** How much was taken from a recording. */
export interface RecordingMark {
  readonly times: number;
  readonly bytes: number;
  readonly keys: number;
}

/**
 * What a render takes from outside: the time, chance, and the results of slow work. A render that has to wait for slow
 * work is given up and done again from its start; as it gets the same from here in the same order, it does the same again.
 */
export class Recording {
  readonly #clock: () => number;
  readonly #times = new Replayed<number>();
  readonly #bytes = new Replayed<Uint8Array>();
  readonly #results = new Map<string, string>();
  /** New keys asked for: no two are the same. The result of other tasks follows from what they are given. */
  #keys = 0;
  #waitsFor = '';

  /** @param clock milliseconds since 1970. */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  now(): number {
    return this.#times.take(this.#clock);
  }

  randomBytes(count: number): Uint8Array {
    return this.#bytes.take(() => randomBytes(count));
  }

  /** @throws {SlowWorkNeeded} unless the result was added. */
  resultOf(task: SlowTask): string {
    const isNewKey = task.kind === 'rsaKey' || task.kind === 'dsaKey';
    const id = isNewKey ? `${task.kind} ${(this.#keys++).toString()}` : JSON.stringify(task);
    const result = this.#results.get(id);
    if (result !== undefined) return result;
    this.#waitsFor = id;
    throw new SlowWorkNeeded(task);
  }

  /** Adds the result that the last SlowWorkNeeded asked for. */
  addResult(result: string): void {
    this.#results.set(this.#waitsFor, result);
  }

  get mark(): RecordingMark {
    return { times: this.#times.taken, bytes: this.#bytes.taken, keys: this.#keys };
  }

  returnTo({ times, bytes, keys }: RecordingMark): void {
    this.#times.taken = times;
    this.#bytes.taken = bytes;
    this.#keys = keys;
  }
}

class Replayed<T> {
  readonly #values: T[] = [];
  taken = 0;

  take(make: () => T): T {
    if (this.taken === this.#values.length) this.#values.push(make());
    const value = this.#values[this.taken] as T;
    this.taken++;
    return value;
  }
}
