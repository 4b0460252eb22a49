import { parentPort } from 'node:worker_threads';
import type { ThreadMessage } from '../process/worker-pool.js';
import { type RenderJob, type RenderOutcome, runRenderJob } from './content/render-job.js';

/** The thread that renders what takes long: a job after the other. */
const tell = (message: ThreadMessage<RenderOutcome>): void => parentPort?.postMessage(message);

parentPort?.on('message', (job: RenderJob) => {
  const output = runRenderJob(job, {
    at: (place) => tell({ kind: 'at', place }),
    slow: () => tell({ kind: 'slow' }),
  });
  tell({ kind: 'done', output });
});
