import { readFileSync, readdirSync } from 'node:fs';
import { memoryOf } from '../../support/process-state.ts';
import type { Way } from './tunnel-client.ts';

/** In the order of the tables. */
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

/** CPU time since the start of a process, milliseconds. */
interface CpuTime {
  readonly all: number;
  /** Of the first thread. The others compile and collect garbage, or run the tasks of libuv. */
  readonly main: number;
}

/** @param pid undefined: no time. */
export function cpuTimeOf(pid: number | undefined): CpuTime {
  if (pid === undefined) return { all: 0, main: 0 };
  const ofThread = (id: string): number => {
    const [nanoseconds] = readFileSync(`/proc/${pid}/task/${id}/schedstat`, 'utf8').split(' ');
    return Number(nanoseconds) / 1e6;
  };
  const all = readdirSync(`/proc/${pid}/task`).reduce((sum, id) => sum + ofThread(id), 0);
  return { all, main: ofThread(String(pid)) };
}
