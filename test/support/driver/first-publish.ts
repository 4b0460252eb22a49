import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceError } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';
import type { DriverProcess } from './driver-process.ts';
import type { TestVolume } from './test-volume.ts';

/** The kernel's tick in /proc/PID/stat. */
const msPerTick = 10;
const retryMs = 500;

/** Milliseconds. */
export interface Took {
  readonly wallMs: number;
  /** What the driver worked meanwhile, for whomever: what it would have taken, had the driver a processor of its own. */
  readonly driverMs: number;
}

/** Processor time of a process so far, in milliseconds. */
export function processorMs(pid: number): number {
  const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * msPerTick;
}

/**
 * Publishes a volume as the kubelet does, three connections and no mercy but its own: what cannot be connected, since
 * too many others are dialling just now, is tried again after half a second.
 */
export async function firstPublish(driver: DriverProcess, volume: TestVolume): Promise<Took> {
  const startMs = performance.now();
  const startDriverMs = processorMs(driver.pid);
  for (let isDone = false; !isDone;) {
    try {
      await driver.kubelet.nodeCapabilities();
      await driver.kubelet.nodeCapabilities();
      await driver.kubelet.publishVolume(volume);
      isDone = true;
    } catch (error) {
      const { code, details } = error as ServiceError;
      if (code !== status.UNAVAILABLE || !details.includes('No connection established')) throw error;
      await sleep(retryMs);
    }
  }
  return { wallMs: performance.now() - startMs, driverMs: processorMs(driver.pid) - startDriverMs };
}
