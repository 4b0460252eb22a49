// A thread of RenderThreads for tests: does what the message says, also what no thread should.
import { performance } from 'node:perf_hooks';
import { parentPort } from 'node:worker_threads';

const tell = (message) => parentPort.postMessage(message);

parentPort.once('message', ({ what, ms }) => {
  tell({ kind: 'at', place: `the job "${what}"` });
  const startMs = performance.now();
  switch (what) {
    case 'endless':
      for (;;);
    case 'memory':
      for (const kept = []; ;) kept.push(new Array(1_000).fill({}));
    case '128 MB':
      for (const kept = []; kept.length < 16_000;) kept.push(new Array(1_000).fill({}));
      break;
    case 'mistake':
      throw new Error('a mistake');
    case 'exit':
      process.exit();
      break;
    case 'sleep':
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
      break;
  }
  while (performance.now() - startMs < ms);
  tell({ kind: 'done', output: what });
});
