import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { processorTimeMs } from '../processor-time.js';
import type { FuzzSettings } from './fuzz-settings.js';

const stallMs = 100;

/** A parser and what comes from outside to it. */
export interface FuzzTarget {
  readonly name: string;
  /** Of the cases of a whole run, in relation to the other targets': less for what takes longer. */
  readonly share: number;
  /** Inputs together with what is done to each, which throws when the parser does anything but what it documents. */
  readonly cases: fc.Arbitrary<FuzzCase>;
}

export interface FuzzCase {
  readonly input: unknown;
  readonly run: () => void | Promise<void>;
}

export interface FuzzResult {
  readonly name: string;
  readonly cases: number;
  readonly seconds: number;
  /** How long the worst case held the thread, whenever it was tried. */
  readonly longestMs: number;
  /** Inputs that hold it over 100 ms whenever they are tried. */
  readonly stalling: readonly string[];
}

/** Inputs go with what is to be done to them, so that a target is free in what its inputs are. */
export function target<T>(
  name: string,
  share: number,
  inputs: fc.Arbitrary<T>,
  run: (input: T) => void | Promise<void>,
): FuzzTarget {
  return {
    name,
    share,
    cases: inputs.map((input) => ({ input, run: () => run(input), toString: () => shown(input) })),
  };
}

/** @throws with the input made as small as it gets, and its seed and path, when a case fails. */
export async function fuzz({ name, cases }: FuzzTarget, { cases: count, seed }: FuzzSettings): Promise<FuzzResult> {
  let [longestMs, done] = [0, 0];
  const stalling: string[] = [];
  const startedAt = performance.now();
  const property = fc.asyncProperty(cases, async (each) => {
    const tookMs = await leastMs(each);
    longestMs = Math.max(longestMs, tookMs);
    if (tookMs > stallMs) stalling.push(shown(each.input));
    done += 1;
    // So that what was rejected and is handled by nobody comes out near the case.
    if (done % 64 === 0) await turn();
  });
  await fc.assert(property, { numRuns: count, seed });
  return { name, cases: done, seconds: (performance.now() - startedAt) / 1000, longestMs, stalling };
}

/** Processor time. What takes long is tried again: with a collection of garbage anything takes long now and then. */
async function leastMs(each: FuzzCase): Promise<number> {
  let leastMs = Infinity;
  for (let turns = 0; turns < 5 && leastMs > stallMs / 4; turns += 1) {
    const startedAt = processorTimeMs();
    await each.run();
    leastMs = Math.min(leastMs, processorTimeMs() - startedAt);
  }
  return leastMs;
}

function shown(input: unknown): string {
  const text = input instanceof Buffer ? input.toString('base64') : fc.stringify(input);
  return text.length > 4000 ? `${text.slice(0, 4000)}… (${text.length} characters)` : text;
}
