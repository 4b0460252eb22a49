import assert from 'node:assert/strict';
import { TemplateError } from '../../../../src/shared/gotemplate/errors.js';
import { compileTemplate } from '../../../../src/shared/gotemplate/template.js';
import { hostileData, hostileTemplates } from '../../../support/hostile-templates.js';

/** A fortieth of what a render may take is enough to tell that it ends, and these are hundreds. */
const limits = { steps: 50_000, memoryBytes: 32 << 20 };

describe('a hostile template', () => {
  it('ends, whatever function it calls without end', () => {
    for (const [name, text] of hostileTemplates) {
      const compiled = compileTemplate('t', text);
      assert.throws(
        () => compiled.render(hostileData, { clock: () => 0, slowWork: () => '', limits }),
        (error) => error instanceof TemplateError,
        name,
      );
    }
  }).timeout(300_000);
});
