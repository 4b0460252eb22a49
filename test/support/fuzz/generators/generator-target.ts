import assert from 'node:assert/strict';
import fc from 'fast-check';
import { target } from '../fuzz-run.ts';
import type { FuzzTarget } from '../fuzz-run.ts';
import { generatorCases } from './generator-cases.ts';
import { GeneratorRun } from './generator-run.ts';

const inFlight = 8;

/** Generated generators, used as the proxy does, several at once; a good one has its result afterwards. */
export function generatorTarget(): FuzzTarget {
  const run = new GeneratorRun();
  const ends = new Set<string>();
  const batches = fc.array(generatorCases, { minLength: 1, maxLength: inFlight, size: 'max' });
  return target(
    'generators of classes',
    4,
    batches,
    async (batch) => {
      for (const end of await Promise.all(batch.map((each) => run.run(each)))) ends.add(end);
    },
    async () => {
      await run.servesAsEver();
      assert.ok(ends.has('result') && ends.has('rejected'), 'all cases end alike');
    },
  );
}
