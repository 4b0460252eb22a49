import assert from 'node:assert/strict';
import { compileTemplate } from '../../../../src/shared/gotemplate/template.ts';

describe('a template', () => {
  for (const call of [
    'env "PATH"',
    'expandenv "$PATH"',
    'getHostByName "localhost"',
    'readFile "/etc/passwd"',
    'readDir "/"',
    'exec "id"',
    'lookup "v1" "Secret" "ci" "x"',
  ]) {
    it(`has no function for ${call.split(' ')[0]}`, () => {
      assert.throws(() => compileTemplate('t', `{{ ${call} }}`), /function "\w+" not defined/);
    });
  }
});
