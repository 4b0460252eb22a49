import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { processorTimeMs } from '../processor-time.js';

export interface FuzzSettings {
  readonly cases: number;
  readonly seed: number;
}

/** `FUZZ_CASES` and `FUZZ_SEED`, else the given number of cases and a seed of the moment. */
export function fuzzSettings(
  cases: number,
  env: Readonly<Record<string, string | undefined>> = process.env,
): FuzzSettings {
  const number = (name: string, otherwise: number): number => {
    const value = env[name] ?? '';
    if (value === '') return otherwise;
    if (!/^-?\d{1,10}$/.test(value)) throw new Error(`${name} must be a whole number`);
    return Number(value);
  };
  return { cases: number('FUZZ_CASES', cases), seed: number('FUZZ_SEED', Date.now() & 0x7fffffff) };
}

const stallMs = 100;

/** A parser and what comes from outside to it. */
export interface FuzzTarget {
  readonly name: string;
  /** Of the cases of a whole run, in relation to the other targets': less for what takes longer. */
  readonly share: number;
  /** Inputs together with what is done to each, which throws when the parser does anything but what it documents. */
  readonly cases: fc.Arbitrary<FuzzCase>;
  /** Asserts what must hold after all cases, and ends what the target has started. */
  readonly end?: () => void | Promise<void>;
}

export interface FuzzCase {
  readonly input: unknown;
  readonly run: () => void | Promise<void>;
}

export interface FuzzReport {
  /** The longest that the event loop was held up, which is a case and the making of its input and collections of garbage. */
  readonly eventLoopMaxMs: number;
  readonly grownBytes: number;
  readonly unhandled: readonly unknown[];
}

/** Inputs go with what is to be done to them, so that a target is free in what its inputs are. */
export function target<T>(
  name: string,
  share: number,
  inputs: fc.Arbitrary<T>,
  run: (input: T) => void | Promise<void>,
  end?: () => void | Promise<void>,
): FuzzTarget {
  const cases = inputs.map((input) => ({ input, run: () => run(input), toString: () => shown(input) }));
  return { name, share, cases, ...(end && { end }) };
}

/**
 * Shares the cases out among the targets.
 * @throws with the input made as small as it gets, and its seed and path, when a case fails.
 */
export async function fuzz(
  targets: readonly FuzzTarget[],
  { cases, seed }: FuzzSettings,
  onLine: (line: string) => void,
): Promise<FuzzReport> {
  const shares = targets.reduce((sum, { share }) => sum + share, 0);
  const unhandled: unknown[] = [];
  const keep = (reason: unknown): void => void unhandled.push(reason);
  const delay = monitorEventLoopDelay({ resolution: 10 });
  process.on('unhandledRejection', keep);
  delay.enable();
  const rssBeforeBytes = process.memoryUsage.rss();
  try {
    for (const each of targets) {
      try {
        onLine(await fuzzTarget(each, { cases: Math.ceil((cases * each.share) / shares), seed }));
      } finally {
        await each.end?.();
      }
    }
  } finally {
    delay.disable();
    process.off('unhandledRejection', keep);
  }
  return { eventLoopMaxMs: delay.max / 1e6, grownBytes: process.memoryUsage.rss() - rssBeforeBytes, unhandled };
}

async function fuzzTarget({ name, cases }: FuzzTarget, { cases: count, seed }: FuzzSettings): Promise<string> {
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
  const slow = stalling.length === 0 ? '' : `, ${stalling.length} over 100 ms, such as ${stalling[0]!.slice(0, 200)}`;
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  return `${name}: ${done} cases, ${seconds} s, longest ${longestMs.toFixed(1)} ms${slow}`;
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
