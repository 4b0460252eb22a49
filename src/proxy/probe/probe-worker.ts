import { parentPort } from 'node:worker_threads';
import type { ThreadMessage } from '../../process/worker-pool.js';
import { runProbeJob } from './probe-job.js';
import type { ProbeJob, ProbeOutcome } from './probe-job.js';

/** The thread for templates and expressions of probes: a job after the other. */
const tell = (message: ThreadMessage<ProbeOutcome>): void => parentPort?.postMessage(message);

parentPort?.on('message', (job: ProbeJob) => tell({ kind: 'done', output: runProbeJob(job) }));
