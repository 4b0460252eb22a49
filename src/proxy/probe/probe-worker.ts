import { parentPort } from 'node:worker_threads';
import type { ThreadMessage } from '../../shared/process/worker-pool.js';
import { runProbeJob } from './probe-job.js';
import type { ProbeJob, ProbeOutcome } from './probe-job.js';

/** The thread that renders templates and evaluates expressions of probes, one job at a time. */
const post = (message: ThreadMessage<ProbeOutcome>): void => parentPort?.postMessage(message);

parentPort?.on('message', (job: ProbeJob) => post({ kind: 'done', output: runProbeJob(job) }));
