import path from 'node:path';
import { Budget } from '../../../src/shared/gotemplate/budget.js';
import { TemplateError } from '../../../src/shared/gotemplate/errors.js';
import { defaultLimits } from '../../../src/shared/gotemplate/limits.js';
import { compileTemplate } from '../../../src/shared/gotemplate/template.js';
import { loadVectors } from '../vectors.js';
import { allows } from './allowed.js';
import { target } from './fuzz-run.js';
import { mutatedText } from './mutations.js';

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
