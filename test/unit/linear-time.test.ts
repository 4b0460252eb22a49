import assert from 'node:assert/strict';
import { superLinearInput } from '../support/linear-time/growth.ts';
import { parsers, rejections } from '../support/linear-time/parsers.ts';
import { applied, regexLiterals } from '../support/linear-time/regex-literals.ts';

const digits = 'digits of one number, at most 767';
/** Regular expressions for which some texts take longer, and why no stranger can pass these. By file and text. */
const exempt: Readonly<Record<string, string>> = {
  'driver/host/selinux.ts /[\\0\\n]+$/': 'a label of the kernel, at most a page',
  'shared/gotemplate/float-format.ts /0+$/': digits,
  'shared/gotemplate/number-literal.ts /^(.*[^eEpP])([+-].*)i$/s':
    'a number of a template, which has at most three signs',
  'shared/gotemplate/sprig/duration-text.ts /0+$/': digits,
  'shared/gotemplate/sprig/time-format.ts /0+$/': digits,
  'shared/process/flags.ts /(?<=.)\\/+$/': 'flags of the own process',
};

describe('processor time grows at most with the length of a text', function () {
  this.timeout(300_000);

  it('in each regular expression', () => {
    const problems: Record<string, string> = {};
    const used = new Set<string>();
    for (const regex of regexLiterals()) {
      const key = `${regex.file} ${regex.text}`;
      const problem = exempt[key] === undefined ? superLinearInput(applied(regex)) : undefined;
      if (problem !== undefined) problems[key] = problem;
      used.add(key);
    }
    assert.deepEqual(problems, {});
    assert.deepEqual(
      Object.keys(exempt).filter((key) => !used.has(key)),
      [],
      'exempt and no more there',
    );
  });

  for (const [name, { run, around }] of Object.entries(parsers)) {
    it(`in ${name}`, () => {
      const attempt = (text: string): void => {
        try {
          run(text);
        } catch (error) {
          if (!rejections.some((kind) => error instanceof kind)) throw error;
        }
      };
      assert.equal(superLinearInput(attempt, around), undefined);
    });
  }
});
