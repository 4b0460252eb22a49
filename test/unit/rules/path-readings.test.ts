import assert from 'node:assert/strict';
import { limits } from '../../../src/limits/defaults.js';
import { readingsOf } from '../../../src/rules/path-readings.js';

function exact(pathname: string): readonly string[] {
  const readings = readingsOf(pathname);
  assert.ok(readings, pathname);
  return readings.exact.map((segments) => segments.join(' ')).sort();
}

function folded(pathname: string): readonly string[] {
  return readingsOf(pathname)?.folded.map((segments) => segments.join(' ')) ?? [];
}

describe('the readings of a path', () => {
  it('are one for a plain path, with or without a slash at its end', () => {
    assert.deepEqual(exact('/v2/team/app'), ['v2 team app']);
    assert.deepEqual(exact('/v2/team/app/'), ['v2 team app']);
    assert.deepEqual(exact('/'), ['']);
  });

  it('decode every escape, which no tool leaves encoded', () => {
    assert.deepEqual(exact('/%74okens/%C3%A9'), ['tokens é']);
    assert.deepEqual(exact('/100%/%zz'), ['100% %zz']);
  });

  it('have an encoded slash as a character and as a separator', () => {
    assert.deepEqual(exact('/projects/a%2Fb'), ['projects a b', 'projects a/b']);
    assert.deepEqual(exact('/a%5Cb'), ['a b', 'a\\b']);
  });

  it('include those of a gateway that decodes once more', () => {
    assert.deepEqual(exact('/%2574okens'), ['%74okens', 'tokens']);
    assert.deepEqual(exact('/a%252Fb'), ['a b', 'a%2Fb', 'a/b']);
    assert.ok(exact(`/%${'25'.repeat(3)}41`).includes('A'));
  });

  it('have parameters and leave them out', () => {
    assert.deepEqual(exact('/a;x=1/b'), ['a b', 'a;x=1 b']);
    assert.deepEqual(exact('/a%3Bx/b'), ['a b', 'a;x b']);
  });

  it('have empty segments and leave them out', () => {
    assert.deepEqual(exact('/a//b'), ['a  b', 'a b']);
    assert.deepEqual(exact('/./a'), ['. a', 'a']);
    assert.deepEqual(exact('/a//'), ['a']);
  });

  it('for a deny have no case, and an end that some tools ignore', () => {
    assert.deepEqual(folded('/API/Tokens.json'), ['api tokens.json', 'api tokens']);
    assert.deepEqual(folded('/v1.0'), ['v1.0', 'v1']);
    for (const end of ['.', '%20', '%3Fx', '%23x']) assert.ok(folded(`/tokens${end}`).includes('tokens'), end);
    assert.deepEqual(folded('/%EF%BD%94okens'), ['tokens']);
  });

  it('are limited', () => {
    const { requestSegments } = limits.rules;
    assert.ok(readingsOf('/a'.repeat(requestSegments)));
    assert.equal(readingsOf('/a'.repeat(requestSegments + 1)), undefined);
    assert.equal(readingsOf('//a'.repeat(requestSegments)), undefined);
    assert.equal(readingsOf('/a%2525252Fb%5C;c%252F;%255C/x;y//z'), undefined);
    assert.equal(readingsOf(`/${'%2F;'.repeat(5000)}`), undefined);
    assert.ok(readingsOf(`/a${'/'.repeat(10_000)}`));
  });
});
