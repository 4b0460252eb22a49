import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';

interface FuzzSettings {
  readonly cases: number;
  readonly seed: number;
}

/** `FUZZ_CASES` and `FUZZ_SEED`, else the given number of cases and a seed of the moment. */
export function fuzzSettings(cases: number): FuzzSettings {
  const { FUZZ_CASES = cases, FUZZ_SEED = Date.now() & 0x7fffffff } = process.env;
  return { cases: Number(FUZZ_CASES), seed: Number(FUZZ_SEED) };
}

/** A parser and what comes from outside to it. */
export interface FuzzTarget {
  readonly name: string;
  /** Of the cases of a whole run, in relation to the other targets': less for what takes longer. */
  readonly share: number;
  /** Inputs together with what is done to each, which throws when the parser does anything but what it documents. */
  readonly cases: fc.Arbitrary<FuzzCase>;
  /** Asserts what must hold after all cases. */
  readonly end?: () => Promise<void>;
}

interface FuzzCase {
  readonly run: () => void | Promise<void>;
}

/** Inputs go with what is to be done to them, so that a target is free in what its inputs are. */
export function target<T>(
  name: string,
  share: number,
  inputs: fc.Arbitrary<T>,
  run: (input: T) => void | Promise<void>,
  end?: () => Promise<void>,
): FuzzTarget {
  const cases = inputs.map((input) => ({ run: () => run(input), toString: () => shown(input) }));
  return { name, share, cases, ...(end && { end }) };
}

/** @throws with the input made as small as it gets, and its seed and path, when a case fails. */
export async function fuzz({ cases, end }: FuzzTarget, { cases: numRuns, seed }: FuzzSettings): Promise<void> {
  const property = fc.asyncProperty(cases, (each) => each.run());
  await fc.assert(property, { numRuns, seed });
  await end?.();
  // Rejections that nothing handles arrive here.
  await turn();
}

function shown(input: unknown): string {
  const text = input instanceof Buffer ? input.toString('base64') : fc.stringify(input);
  return text.length > 4000 ? `${text.slice(0, 4000)}… (${text.length} characters)` : text;
}
