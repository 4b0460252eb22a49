// Starts a thread as the program does, waits for its first answer, then makes garbage of which much survives for a moment:
// `node young-generation.mjs ENTRY JOB`. Prints how many megabytes the young generation of the main thread has become.
import v8 from 'node:v8';
import { Worker } from 'node:worker_threads';

const [entry, job] = process.argv.slice(2);
v8.setFlagsFromString('--semi-space-growth-factor=1');
const worker = new Worker(entry, { env: {}, resourceLimits: { maxYoungGenerationSizeMb: 4 } });
worker.postMessage(JSON.parse(job));
await new Promise((resolve) => {
  worker.once('message', resolve);
});
let kept;
for (let round = 0; round < 40; round += 1) kept = Array.from({ length: 100_000 }, (_, at) => ({ at, list: [round] }));
const { physical_space_size: bytes } = v8
  .getHeapSpaceStatistics()
  .find(({ space_name: name }) => name === 'new_space' && kept.length > 0);
console.log(Math.round(bytes / 2 ** 20));
await worker.terminate();
