import type { Counts } from './driver-figures.js';
import type { LoadCounts } from './node-load.js';

export interface SoakFigures {
  readonly seconds: number;
  /** How often each fault, and each restart, was. */
  readonly rounds: Readonly<Record<string, number>>;
  readonly load: Readonly<LoadCounts>;
  /** The longest that it took until all volumes were current again. */
  readonly recoveryMaxMs: number;
  /** Whole revisions that were read all along; a half or a mixture would have ended the run. */
  readonly reads: number;
  /** Of all drivers together. */
  readonly driver: Counts;
  readonly driverPeakBytes: number;
  /** Absent where no memory cgroup could be made. */
  readonly cgroup: { readonly peakBytes: number; readonly limitHits: number } | undefined;
}

/** As text, a figure a line. */
export function figureLines(figures: SoakFigures): readonly string[] {
  const { load, cgroup } = figures;
  const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
  return [
    `${(figures.seconds / 60).toFixed(1)} minutes, ${load.podsStarted} pods started, ${load.podsEnded} ended`,
    `${load.edits} edits and ${load.deletions} deletions of objects, ${figures.reads} revisions read`,
    `all volumes current again after ${(figures.recoveryMaxMs / 1000).toFixed(1)} s at most`,
    `the driver's peak ${mib(figures.driverPeakBytes)}`,
    cgroup === undefined
      ? 'no memory cgroup could be made'
      : `in a memory cgroup of 576 MiB: peak ${mib(cgroup.peakBytes)}, its limit reached ${cgroup.limitHits} times`,
    ...Object.entries(figures.rounds).map(([name, count]) => `${count} × ${name}`),
    ...Object.entries(figures.driver).map(([name, count]) => `${name} ${count}`),
  ];
}
