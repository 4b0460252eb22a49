import assert from 'node:assert/strict';
import { compileTemplate } from '../../../../src/shared/gotemplate/template.ts';

describe("sprig's regular expressions", () => {
  it('name a pattern that is not UTF-8 from its wrong byte on, as Go does', () => {
    const template = compileTemplate('t', String.raw`{{ mustRegexMatch "ab\xffc" "x" }}`);
    assert.throws(() => template.render({}, { clock: () => 0 }), {
      reason: 'error calling mustRegexMatch: error parsing regexp: invalid UTF-8: `\ufffdc`',
    });
  });
});
