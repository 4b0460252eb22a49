import { JobThreads } from '../../process/job-threads.js';
import type { ProbeJob, ProbeOutcome } from './probe-job.js';

/** A thread that is there while there are probes; what a job may take is its start as well, and far more than any probe in use does. */
const bounds = { threads: 1, waitingEach: 64, jobMs: 10_000, slowMs: 0, idleMs: 10_000, heapMb: 32 };

export type ProbeThreads = JobThreads<ProbeJob, ProbeOutcome>;

/** @param entry the built probe-worker.ts. */
export function probeThreads(entry: URL): ProbeThreads {
  return new JobThreads({ ...bounds, entry });
}
