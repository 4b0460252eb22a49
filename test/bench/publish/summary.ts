import type { CallFigures, Connections, Operation } from './calls.ts';
import { connections, operations } from './calls.ts';
import type { CycleFigures } from './cycles.ts';
import { widths } from './cycles.ts';
import type { Source } from './deployed-driver.ts';
import type { GrowthFigures } from './growth.ts';
import { mountedCounts } from './growth.ts';
import type { Latency } from './statistics.ts';
import { median, rounded } from './statistics.ts';

/** All of one run with one source. */
export interface Run {
  readonly source: Source;
  readonly calls: Readonly<Record<Connections, CallFigures>>;
  readonly cycles: Readonly<Record<Connections, readonly CycleFigures[]>>;
  readonly growth: readonly GrowthFigures[];
}

/** Medians over the runs of a source; ratios are made within each run first. */
export interface Summary {
  readonly calls: Readonly<Record<Connections, Readonly<Record<Operation, CallSummary>>>>;
  readonly cycles: Readonly<Record<Connections, readonly CycleFigures[]>>;
  readonly growth: readonly (GrowthFigures & { readonly ratio: number })[];
}

interface CallSummary extends Latency {
  /** To the no-op call of the same run, p50. */
  readonly ratio: number;
  /** p99 to p50 of the same run. */
  readonly tail: number;
}

export function summaryOf(runs: readonly Run[]): Summary {
  return {
    calls: byConnections((how) => byOperation((operation) => callSummary(runs, how, operation))),
    cycles: byConnections((how) =>
      widths.map((_width, index) => medianOfEach(runs.map(({ cycles }) => cycles[how][index]!))),
    ),
    growth: mountedCounts.map((_count, index) => {
      const ofRuns = runs.map(({ growth }) => growth);
      const ratio = median(ofRuns.map((growth) => growthRatio(growth[index]!, growth[0]!)));
      return { ...medianOfEach(ofRuns.map((growth) => growth[index]!)), ratio: rounded(ratio) };
    }),
  };
}

/** A first publish in no-op calls, against the same with the fewest volumes. */
function growthRatio(now: GrowthFigures, first: GrowthFigures): number {
  return now.firstPublish / now.noOpCall / (first.firstPublish / first.noOpCall);
}

function callSummary(runs: readonly Run[], how: Connections, operation: Operation): CallSummary {
  const latencies = runs.map(({ calls }) => calls[how][operation]);
  const ratios = runs.map(({ calls }) => calls[how][operation].p50 / calls[how]['no-op call'].p50);
  return {
    ...medianOfEach(latencies),
    ratio: rounded(median(ratios)),
    tail: rounded(median(latencies.map(({ p50, p99 }) => p99 / p50))),
  };
}

/** Of objects with the same fields, all of them numbers. */
function medianOfEach<Figures extends object>(list: readonly Figures[]): Figures {
  const fields = Object.keys(list[0] ?? {}) as (keyof Figures)[];
  const entries = fields.map((field) => [field, rounded(median(list.map((figures) => Number(figures[field]))))]);
  return Object.fromEntries(entries) as Figures;
}

function byConnections<T>(of: (how: Connections) => T): Readonly<Record<Connections, T>> {
  return Object.fromEntries(connections.map((how) => [how, of(how)])) as Record<Connections, T>;
}

function byOperation<T>(of: (operation: Operation) => T): Readonly<Record<Operation, T>> {
  return Object.fromEntries(operations.map((operation) => [operation, of(operation)])) as Record<Operation, T>;
}
