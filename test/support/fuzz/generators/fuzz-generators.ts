import fc from 'fast-check';
import type { FuzzSettings } from '../fuzz-settings.js';
import { CaseSource } from './case-source.js';
import { GeneratorRun } from './generator-run.js';
import type { GeneratorEnd } from './generator-run.js';
import { ThreadWatch } from './thread-watch.js';
import type { ThreadReport } from './thread-watch.js';

export interface GeneratorFuzzReport extends ThreadReport {
  readonly cases: number;
  readonly seconds: number;
  readonly ends: Readonly<Partial<Record<GeneratorEnd, number>>>;
  readonly unhandled: readonly unknown[];
  /** Failed cases. */
  readonly failures: readonly string[];
}

const inFlight = 8;
const maxFailures = 20;
const worker = new URL('../../../../dist/generator-worker.js', import.meta.url);

/** Uses generated generators as the proxy does, several at once, and a good one at the end. */
export async function fuzzGenerators(settings: FuzzSettings): Promise<GeneratorFuzzReport> {
  const startedAt = performance.now();
  const unhandled: unknown[] = [];
  const keep = (reason: unknown): void => void unhandled.push(reason);
  process.on('unhandledRejection', keep);
  const source = new CaseSource();
  const run = new GeneratorRun(worker);
  const ends: Partial<Record<GeneratorEnd, number>> = {};
  const failures: string[] = [];
  let cases = 0;
  let watch: ThreadWatch | undefined;
  try {
    await run.servesAsEver();
    watch = new ThreadWatch();
    for await (const batch of source.batches(settings)) {
      const waiting = [...batch];
      const work = async (): Promise<void> => {
        for (let each = waiting.pop(); each !== undefined; each = waiting.pop()) {
          try {
            const end = await run.run(each);
            ends[end] = (ends[end] ?? 0) + 1;
          } catch (error) {
            if (failures.length < maxFailures) failures.push(`${String(error)}: ${fc.stringify(each).slice(0, 2000)}`);
          }
          cases += 1;
        }
      };
      await Promise.all(Array.from({ length: inFlight }, work));
    }
    await run.servesAsEver();
  } finally {
    run.stop();
    await source.end();
    process.off('unhandledRejection', keep);
  }
  const seconds = (performance.now() - startedAt) / 1000;
  return { ...watch.stop(), cases, seconds, ends, unhandled, failures };
}

export function generatorLines(report: GeneratorFuzzReport): readonly string[] {
  const mebibytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;
  const { holdCpuMs, holdWallMs, stalls, threads, afterEndMs } = report;
  return [
    `generators: ${report.cases} cases, ${report.seconds.toFixed(0)} s: ${Object.entries(report.ends)
      .map(([end, count]) => `${count} ${end}`)
      .join(', ')}, ${report.failures.length} failed`,
    `a turn of the main thread took at most ${holdCpuMs.toFixed(1)} ms of CPU time, ${holdWallMs.toFixed(0)} ms by the clock; ${stalls} took over 50 ms of CPU time`,
    `${threads} more threads; a terminated one used the processor for at most ${afterEndMs.toFixed(1)} ms`,
    `memory ${mebibytes(report.rssMinBytes)} to ${mebibytes(report.rssMaxBytes)}; load ${report.loadMin.toFixed(1)} to ${report.loadMax.toFixed(1)}`,
    ...report.failures,
  ];
}
