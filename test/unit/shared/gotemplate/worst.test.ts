import assert from 'node:assert/strict';
import { allFunctions } from '../../../../src/shared/gotemplate/functions.ts';
import { compileTemplate } from '../../../../src/shared/gotemplate/template.ts';
import { callsOf, otherTemplates } from '../../../support/gotemplate-worst/calls.ts';
import { worstData } from '../../../support/gotemplate-worst/inputs.ts';
import { calibrationMs, costOf, leastOf } from '../../../support/gotemplate-worst/measure.ts';
import { processorTimeMs } from '../../../support/processor-time.ts';

/**
 * What a step may take at most, in rounds of a plain loop that this machine does in the same run: about a microsecond.
 * Ordinary work is at a fifth of it. Charges that are forgotten, or time that grows with the square of a text, are beyond
 * it by factors of ten and more.
 */
const roundsPerStep = 1_500;
const million = 1e6;

/** Steps for what a measurement finds too much though nothing is wrong: a collection of garbage, cold code. */
const allowedSteps = 20_000;

/** Whether a render takes the time that its steps account for; measured again while others may have disturbed it. */
function keepsToItsSteps(template: string): string | undefined {
  let found = '';
  for (let attempt = 0; attempt < 6; attempt++) {
    const { ms, steps } = costOf(template, worstData);
    if (ms < 5) return undefined;
    const allowedMs = ((steps + allowedSteps) * roundsPerStep * leastOf(calibrationMs)) / million;
    if (ms <= allowedMs) return undefined;
    found = `${template.slice(0, 200)} took ${ms.toFixed(0)} ms for ${steps.toFixed(0)} steps, allowed are ${allowedMs.toFixed(0)}`;
  }
  return found;
}

describe('a function of templates at its worst', () => {
  for (const known of allFunctions) {
    it(`takes the time that its steps account for: ${known.name}`, () => {
      const templates = callsOf(known).map((call) => `{{ $x := ${call} }}`);
      assert.deepEqual(
        templates.map(keepsToItsSteps).filter((problem) => problem !== undefined),
        [],
      );
    });
  }

  for (const template of otherTemplates) {
    it(`takes the time that its steps account for: ${template}`, () => {
      assert.equal(keepsToItsSteps(template), undefined);
    });
  }
});

describe('compiling', () => {
  it('looks once at a definition, however often it is defined again', () => {
    const compileMs = (blanks: number): number => {
      const text = `{{define "x"}}${' '.repeat(blanks)}{{end}}${'{{define "x"}} {{end}}'.repeat(2_000)}`;
      return leastOf(() => {
        const startMs = processorTimeMs();
        compileTemplate('t', text);
        return processorTimeMs() - startMs;
      });
    };
    const [short, long] = [compileMs(1), compileMs(500_000)];
    assert.ok(long < 10 * short + 50, `${long.toFixed(1)} ms, with one blank ${short.toFixed(1)} ms`);
  });
});
