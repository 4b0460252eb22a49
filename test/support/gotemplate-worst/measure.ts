import { TemplateError } from '../../../src/shared/gotemplate/errors.ts';
import { Budget } from '../../../src/shared/gotemplate/budget.ts';
import { defaultLimits } from '../../../src/shared/gotemplate/limits.ts';
import { compileTemplate } from '../../../src/shared/gotemplate/template.ts';
import type { JsonObject } from '../../../src/shared/json.ts';
import { processorTimeMs } from '../processor-time.ts';

interface Cost {
  readonly ms: number;
  readonly steps: number;
}

/** Steps that a render of these templates may take: enough to tell, little enough for thousands of renders. */
const limits = { ...defaultLimits, steps: 150_000, memoryBytes: 64 << 20 };

/** What a render takes, of which the template reads the members of the data that it names. */
export function costOf(template: string, data: JsonObject): Cost {
  const named = new Set(Array.from(template.matchAll(/\$\.(\w+)/g), ([, name]) => name));
  const read = Object.fromEntries(Object.entries(data).filter(([name]) => named.has(name)));
  const compiled = compileTemplate('t', template);
  const budget = new Budget(limits, { clock: () => 0 });
  const startMs = processorTimeMs();
  try {
    compiled.render(read, { budget });
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
  }
  return { ms: processorTimeMs() - startMs, steps: budget.steps };
}

const calibrationText = 'a'.repeat(1 << 20);

/** Milliseconds that this thread takes now for a million rounds of a plain loop over a text. */
export function calibrationMs(): number {
  const startMs = processorTimeMs();
  let sum = 0;
  for (let at = 0; at < calibrationText.length; at++) sum = (sum + calibrationText.charCodeAt(at)) | 0;
  const ms = processorTimeMs() - startMs;
  if (sum === 0) throw new Error('the loop was left out');
  return ms;
}

/** The least of a few measurements: a collection of garbage and cold code only ever add. */
export function leastOf(measure: () => number): number {
  return Math.min(...Array.from({ length: 5 }, measure));
}
