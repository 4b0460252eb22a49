import { parentPort, workerData } from 'node:worker_threads';
import { runSlowTask, type SlowTask } from '../gotemplate/slow-work.js';

/** The thread of SlowWorkThread, which gives it one task. */
parentPort?.postMessage(runSlowTask(workerData as SlowTask));
