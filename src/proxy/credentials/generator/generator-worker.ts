import { parentPort } from 'node:worker_threads';
import { taskOfThread } from '../../../shared/process/thread-time.js';
import type { ThreadMessage } from '../../../shared/process/worker-pool.js';
import type { GeneratorJob, GeneratorOutcome } from './generator-job.js';
import { GeneratorJobs } from './run-generator-job.js';

/** The thread that evaluates expressions of classes, one at a time. */
const post = (message: ThreadMessage<GeneratorOutcome>): void => parentPort?.postMessage(message);

const jobs = new GeneratorJobs();
// Loads and compiles the parser, which takes longer than any expression.
jobs.run({
  cel: '{"headers": {"A": has(secret.a) ? "b " + base64.encode(secret.a) : [1].map(x, string(x))[0]}, "query": {}}',
  secret: [['a', 'b']],
  request: { method: 'GET', host: 'host', path: '/', query: '' },
  nowMs: 0,
});

parentPort?.on('message', (job: GeneratorJob) => {
  if (!jobs.isCompiled(job)) post({ kind: 'slow' });
  post({ kind: 'done', output: jobs.run(job) });
});
post({ kind: 'ready', task: taskOfThread() });
