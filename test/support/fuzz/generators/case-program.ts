// Makes the cases of GeneratorCases in a process of its own: a request is a seed and a number of cases.
import fc from 'fast-check';
import { generatorCases } from './generator-cases.js';

process.on('message', ({ seed, numRuns }: { readonly seed: number; readonly numRuns: number }) => {
  process.send?.(fc.sample(generatorCases, { seed, numRuns }));
});
process.on('disconnect', () => process.exit());
