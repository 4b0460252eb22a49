// `npm run soak -- --minutes N --seed S`: a node in use with faults, in a mount namespace of its own. SIGUSR2 has the
// figures so far printed.
import { parseArgs } from 'node:util';
import { MixedLoad } from './mixed-load.js';
import { figureLines } from './soak-figures.js';

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '60' }, seed: { type: 'string' }, pods: { type: 'string' } },
});
const seed = Number(values.seed ?? Date.now() % 2 ** 31);
console.log(`seed ${seed}`);
const load = new MixedLoad({
  seed,
  durationMs: Number(values.minutes) * 60_000,
  pods: Number(values.pods ?? 60),
  stepMs: 400,
  faultMs: 20_000,
  onLine: (line) => console.log(new Date().toISOString().slice(11, 19), line),
});
process.on('SIGUSR2', () => {
  if (load.figures !== undefined) for (const line of figureLines(load.figures)) console.log(line);
});
for (const line of figureLines(await load.run())) console.log(line);
