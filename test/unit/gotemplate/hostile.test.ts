import assert from 'node:assert/strict';
import { TemplateError } from '../../../src/gotemplate/errors.js';
import { compileTemplate } from '../../../src/gotemplate/template.js';
import { hostileData, hostileTemplates } from '../../support/hostile-templates.js';

describe('a hostile template', () => {
  it('ends, whatever function it calls without end', () => {
    for (const [name, text] of hostileTemplates) {
      const rendering = compileTemplate('t', text).start(hostileData, { clock: () => 0 });
      assert.throws(
        () => {
          for (let pauses = 0; rendering.next('').done !== true; pauses += 1) assert.ok(pauses < 20, name);
        },
        (error) => error instanceof TemplateError,
        name,
      );
    }
  }).timeout(300_000);
});
