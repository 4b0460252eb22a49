import { parentPort } from 'node:worker_threads';
import type { ThreadMessage } from './render-threads.ts';
import { type RenderJob, type RenderOutcome, runRenderJob } from './content/render-job.ts';

/** The worker thread for one long render. */
const post = (message: ThreadMessage<RenderOutcome>): void => parentPort?.postMessage(message);

parentPort?.once('message', (job: RenderJob) => {
  const output = runRenderJob(job, (place) => post({ kind: 'at', place }));
  post({ kind: 'done', output });
});
