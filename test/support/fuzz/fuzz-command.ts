// `npm run fuzz -- --cases N --seed S [--only NAME]`: the targets whose name contains NAME, for as long as you like.
import { parseArgs } from 'node:util';
import { fuzz, fuzzSettings } from './fuzz-run.js';
import { fuzzTargets } from './fuzz-targets.js';

const { values } = parseArgs({
  options: { cases: { type: 'string' }, seed: { type: 'string' }, only: { type: 'string', default: '' } },
});
const targets = fuzzTargets().filter(({ name }) => name.includes(values.only));
if (targets.length === 0) throw new Error(`--only ${values.only}: no target has such a name`);
const settings = fuzzSettings(100_000, { FUZZ_CASES: values.cases, FUZZ_SEED: values.seed });
console.log(`seed ${settings.seed}`);
const { eventLoopMaxMs, grownBytes, unhandled } = await fuzz(targets, settings, console.log);
console.log(`event loop held up for at most ${eventLoopMaxMs.toFixed(0)} ms; grown by ${grownBytes >> 20} MiB`);
if (unhandled.length > 0) {
  console.error('rejections that nobody handled:', unhandled);
  process.exitCode = 1;
}
