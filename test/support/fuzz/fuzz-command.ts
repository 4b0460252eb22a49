// `npm run fuzz -- --cases N --seed S [--only parsers|generators]`: the parsers of what comes from outside, and
// generators of classes, for as long as you like.
import { parseArgs } from 'node:util';
import { fuzzParsers, resultLine } from './fuzz-parsers.js';
import { fuzzSettings } from './fuzz-settings.js';
import type { FuzzSettings } from './fuzz-settings.js';
import { fuzzGenerators, generatorLines } from './generators/fuzz-generators.js';

const { values } = parseArgs({
  options: { cases: { type: 'string' }, seed: { type: 'string' }, only: { type: 'string' } },
});
const kinds: Readonly<Record<string, (settings: FuzzSettings) => Promise<void>>> = { parsers, generators };
const { only } = values;
if (only !== undefined && !(only in kinds)) throw new Error(`--only must be one of ${Object.keys(kinds).join(', ')}`);
const settings = fuzzSettings(100_000, { FUZZ_CASES: values.cases, FUZZ_SEED: values.seed });
console.log(`seed ${settings.seed}`);
for (const [name, run] of Object.entries(kinds)) if (only === undefined || only === name) await run(settings);

async function parsers(): Promise<void> {
  const report = await fuzzParsers(settings, (result) => console.log(resultLine(result)));
  const cases = report.results.reduce((sum, result) => sum + result.cases, 0);
  const [before, after] = [report.rssBeforeBytes, report.rssAfterBytes].map(
    (bytes) => `${Math.round(bytes / 2 ** 20)} MiB`,
  );
  console.log(
    `${cases} cases; event loop held up for at most ${report.eventLoopMaxMs.toFixed(0)} ms; memory ${before} before, ${after} after`,
  );
  failIfAny(report.unhandled);
}

async function generators(): Promise<void> {
  const report = await fuzzGenerators(settings);
  for (const line of generatorLines(report)) console.log(line);
  failIfAny([...report.unhandled, ...report.failures]);
}

function failIfAny(problems: readonly unknown[]): void {
  if (problems.length === 0) return;
  console.error('failures, and rejections that nobody handled:', problems);
  process.exitCode = 1;
}
