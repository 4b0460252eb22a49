import { WorkerPool } from '../../shared/process/worker-pool.js';
import type { ProbeJob, ProbeOutcome } from './probe-job.js';

/** Limits of the thread, which exists only while there are probes. */
const poolLimits = { threads: 1, waitingEach: 64, slowMs: 0, idleMs: 10_000, heapMb: 32 };

export type ProbeThreads = WorkerPool<ProbeJob, ProbeOutcome>;

/**
 * Returns the pool with the thread for probes.
 * @param entry the built probe-worker.ts.
 * @param jobMs limit of one job and the start of its thread: far more than any probe in use takes.
 */
export function probeThreads(entry: URL, jobMs: number): ProbeThreads {
  return new WorkerPool({ ...poolLimits, entry, jobMs, noun: 'probe', retry: 'the next check will retry' });
}
