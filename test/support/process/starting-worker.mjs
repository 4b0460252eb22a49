// A thread of WorkerPool for tests that reports its start.
import { readlinkSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';

parentPort.on('message', ({ what, ms }) => {
  if (what === 'endless') for (;;);
  if (what === 'sleep') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  parentPort.postMessage({ kind: 'done', output: what });
});
parentPort.postMessage({ kind: 'ready', task: `/proc/${readlinkSync('/proc/thread-self')}` });
