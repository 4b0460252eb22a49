import { readFileSync } from 'node:fs';
import { memoryOf } from '../../support/process-state.ts';
import type { Way } from './tunnel-client.ts';

/** In the order of the tables. The last one is compared with those between. */
export const wayNames = ['no proxy', 'bare relay', 'Squid', 'before', 'proxy'] as const;
export type WayName = (typeof wayNames)[number];

export interface MeasuredWay extends Way {
  readonly name: WayName;
  /** Of the proxy's process; undefined: there is none. */
  readonly pid: number | undefined;
}

/** Told one figure of one way. */
export type Note = (what: string, way: MeasuredWay, value: number) => void;

export function residentMib(pid: number): number {
  return memoryOf(pid).nowBytes / 2 ** 20;
}

/** Of all threads since the start; the kernel counts in steps of ten milliseconds. */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
