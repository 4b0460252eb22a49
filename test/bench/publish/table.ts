import { connections, operations } from './calls.ts';
import type { Summary } from './summary.ts';

/** The medians as Markdown tables. */
export function tablesOf({ calls, cycles, growth }: Summary): string {
  const parts = connections.flatMap((how) => [
    `${how === 'shared' ? 'One shared connection' : 'A connection per call'}, milliseconds:`,
    table(
      ['', 'p50', 'p90', 'p99', 'to the no-op call', 'p99 to p50'],
      operations.map((operation) => {
        const { p50, p90, p99, ratio, tail } = calls[how][operation];
        return [operation, p50, p90, p99, ratio, tail];
      }),
    ),
    table(
      ['in flight', 'no-op calls a second', 'cycles a second', 'with `registry-config`', 'ratio', 'CPU ms a cycle'],
      cycles[how].map((figures) => [
        figures.inFlight,
        Math.round(figures.noOpCallsPerSecond),
        Math.round(figures.cyclesPerSecond),
        Math.round(figures.withConfigurationPerSecond),
        figures.ratio,
        figures.cpuMsPerCycle,
      ]),
    ),
  ]);
  const ofGrowth = table(
    ['mounted', 'no-op call', 'first publish', 'unpublish', 'growth', 'resident MB'],
    growth.map((figures) => [
      figures.mounted,
      figures.noOpCall,
      figures.firstPublish,
      figures.unpublish,
      figures.ratio,
      Math.round(figures.residentMb),
    ]),
  );
  return [...parts, 'With so many volumes mounted, milliseconds at the median:', ofGrowth].join('\n\n');
}

type Cell = string | number;

function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const cells = (row: readonly Cell[]): string => `| ${row.map(cellText).join(' | ')} |`;
  const rule = `| --- |${' ---: |'.repeat(head.length - 1)}`;
  return [cells(head), rule, ...rows.map(cells)].join('\n');
}

function cellText(cell: Cell): string {
  if (typeof cell === 'string' || Number.isInteger(cell)) return String(cell);
  return cell.toFixed(2);
}
