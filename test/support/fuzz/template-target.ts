import path from 'node:path';
import { Budget } from '../../../src/shared/gotemplate/budget.ts';
import { TemplateError } from '../../../src/shared/gotemplate/errors.ts';
import { defaultLimits } from '../../../src/shared/gotemplate/limits.ts';
import { compileTemplate } from '../../../src/shared/gotemplate/template.ts';
import { loadVectors } from '../vectors.ts';
import { allows } from './allowed.ts';
import { target } from './fuzz-run.ts';
import { mutatedText } from './mutations.ts';

const limits = { ...defaultLimits, steps: 150_000, memoryBytes: 64 << 20 };
const recorded = loadVectors(path.join(import.meta.dirname, '../../fixtures/gotemplate-fuzz/recorded.jsonl'));
const data = recorded[1]!.data;

/** Templates that were recorded from Go, mutated. */
export const templateTarget = target(
  'templates',
  10,
  mutatedText(recorded.map(({ template }) => template)),
  (template) => {
    allows([TemplateError], () => {
      const compiled = compileTemplate('t', template);
      compiled.render(data, { budget: new Budget(limits, { clock: () => 0, slowWork: () => '' }) });
    });
  },
);
