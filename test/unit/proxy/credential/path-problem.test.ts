import assert from 'node:assert/strict';
import { pathProblem } from '../../../../src/proxy/credential/path-problem.js';
import { parentSpellings, usualPaths } from '../../../support/proxy/path-spellings.js';

describe('the problem of a path', () => {
  for (const spelling of parentSpellings) {
    it(`is found in ${spelling}`, () => assert.notEqual(pathProblem(`/team-a/${spelling}`), undefined));
  }

  for (const path of usualPaths) {
    it(`is not found in ${path}`, () => assert.equal(pathProblem(`/team-a${path}`), undefined));
  }

  it('is named with what to change', () => {
    assert.match(pathProblem('/..%2f') ?? '', /begins with "\.\." once decoded: send the path that it leads to$/);
    assert.match(pathProblem('/%25252525252e') ?? '', /percent-encoded more than 4 times: encode it once$/);
    assert.match(pathProblem('/a%01') ?? '', /control character once decoded: remove it$/);
    assert.match(pathProblem('/%c0%ae') ?? '', /overlong form of UTF-8: encode it as UTF-8$/);
    assert.match(pathProblem('/%2e/a') ?? '', /an encoded "\.": leave it out$/);
  });

  it('is looked for in one pass, whatever the path', () => {
    // Quadratic work would take minutes.
    for (const part of ['%25', '%2525', '%20', '/%20', '%2', '/.', '.', '%cc%81']) {
      assert.equal(pathProblem(`/a${part.repeat(500_000)}`), undefined);
    }
  });

  it('is found in one decoding as in four, and not beyond', () => {
    for (const times of [1, 2, 3, 4]) assert.equal(pathProblem(`/%${'25'.repeat(times - 1)}41`), undefined);
    assert.match(pathProblem(`/%${'25'.repeat(4)}41`) ?? '', /more than 4 times/);
  });
});
