import fc from 'fast-check';
import { Budget } from '../../../src/shared/gotemplate/budget.js';
import { TemplateError } from '../../../src/shared/gotemplate/errors.js';
import { defaultLimits } from '../../../src/shared/gotemplate/limits.js';
import { compileTemplate } from '../../../src/shared/gotemplate/template.js';
import type { JsonObject } from '../../../src/shared/json.js';
import { generateCases } from '../gotemplate-fuzz/generate.js';
import { Random } from '../random.js';
import { allows } from './allowed.js';
import { target } from './fuzz-run.js';

const limits = { ...defaultLimits, steps: 150_000, memoryBytes: 64 << 20 };

/** Templates of the generator by which cases for Go are made, with other seeds. */
export const templateTarget = target(
  'templates',
  10,
  fc.tuple(fc.constantFrom(0, 1_000_000), fc.nat(0x7fffffff)),
  ([from, seed]) => {
    const [made] = generateCases(() => new Random(seed), from, from + 1);
    allows([TemplateError], () => {
      const compiled = compileTemplate('t', made?.template ?? '');
      compiled.render(made?.data as JsonObject, { budget: new Budget(limits, { clock: () => 0 }) });
    });
  },
);
