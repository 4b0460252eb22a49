/**
 * How long hostile templates take with all that a render may do, and how much they make the process grow:
 * `node --expose-gc --max-semi-space-size=1 --heap-growing-percent=60 --import tsx test/bench/hostile.ts [PART_OF_NAME]`. Processor time of the thread, so
 * that other load counts little; each template once cold, compiling included, then three times. Numbers only, no pass or fail.
 */
import { readFileSync } from 'node:fs';
import { TemplateError } from '../../src/gotemplate/errors.js';
import { compileTemplate, type CompiledTemplate } from '../../src/gotemplate/template.js';
import { hostileData, hostileTemplates } from '../support/hostile-templates.js';

interface Figures {
  readonly name: string;
  readonly coldMs: number;
  readonly warmMs: number;
  readonly growthMiB: number;
}

/** Time that the thread has had a processor, schedstat of proc(5). */
function threadMs(): number {
  return Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')[0]) / 1e6;
}

/** How long a render takes in all. */
function renderMs(template: CompiledTemplate): number {
  const startMs = threadMs();
  try {
    template.render(hostileData, { clock: Date.now, slowWork: () => '' });
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
  }
  return threadMs() - startMs;
}

function measure(name: string, text: string): Figures {
  const compileStartMs = threadMs();
  const template = compileTemplate('t', text);
  const compileMs = threadMs() - compileStartMs;
  globalThis.gc?.();
  const before = process.memoryUsage.rss();
  let highest = before;
  const times = [1, 2, 3, 4].map(() => {
    const takenMs = renderMs(template);
    highest = Math.max(highest, process.memoryUsage.rss());
    return takenMs;
  });
  const [firstMs = 0, ...warm] = times;
  return {
    name,
    coldMs: Math.max(compileMs, firstMs),
    warmMs: Math.min(...warm),
    growthMiB: (highest - before) / 2 ** 20,
  };
}

const wanted = process.argv[2] ?? '';
const figures = hostileTemplates.filter(([name]) => name.includes(wanted)).map(([name, text]) => measure(name, text));

for (const key of ['coldMs', 'warmMs', 'growthMiB'] as const) {
  const sorted = figures.toSorted((a, b) => a[key] - b[key]);
  const at = (share: number): string => (sorted[Math.ceil(share * sorted.length) - 1]?.[key] ?? 0).toFixed(1);
  const worst = sorted.slice(-5).map((each) => `${each.name} ${each[key].toFixed(1)}`);
  console.log(`${key} of ${figures.length}: p50 ${at(0.5)}, p99 ${at(0.99)}, highest ${at(1)} (${worst.join('; ')})`);
}
