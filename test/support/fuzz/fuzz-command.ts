// `npm run fuzz -- --cases N --seed S`: the parsers of what comes from outside, for as long as you like.
import { parseArgs } from 'node:util';
import { fuzzParsers, resultLine } from './fuzz-parsers.js';
import { fuzzSettings } from './fuzz-settings.js';

const { values } = parseArgs({ options: { cases: { type: 'string' }, seed: { type: 'string' } } });
const settings = fuzzSettings(100_000, { FUZZ_CASES: values.cases, FUZZ_SEED: values.seed });
console.log(`seed ${settings.seed}`);
const report = await fuzzParsers(settings, (result) => console.log(resultLine(result)));
const cases = report.results.reduce((sum, result) => sum + result.cases, 0);
const [before, after] = [report.rssBeforeBytes, report.rssAfterBytes].map(
  (bytes) => `${Math.round(bytes / 2 ** 20)} MiB`,
);
console.log(
  `${cases} cases; event loop held up for at most ${report.eventLoopMaxMs.toFixed(0)} ms; memory ${before} before, ${after} after`,
);
if (report.unhandled.length > 0) {
  console.error('rejections that nobody handled:', report.unhandled);
  process.exitCode = 1;
}
