import process from 'node:process';
import { generateCases } from './generate.js';
import { Random } from '../random.js';
import { seedOf } from './seed.js';

/** Writes cases for the recorder: `generate-command.ts FROM TO`, one JSON object a line for each seed. */
const [from = '0', to = '1000'] = process.argv.slice(2);
for (const generated of generateCases((seed) => new Random(seedOf(seed)), Number(from), Number(to))) {
  process.stdout.write(`${JSON.stringify(generated)}\n`);
}
