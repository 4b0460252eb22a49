import assert from 'node:assert/strict';
import { matchesPath, parsePathPattern } from '../../../../src/proxy/rules/path-pattern.ts';

function matches(pattern: string, ...segments: readonly string[]): boolean {
  const parsed = parsePathPattern(pattern);
  assert.ok(!('problem' in parsed), pattern);
  return matchesPath(parsed.exact, segments);
}

function problemOf(pattern: string): string {
  const parsed = parsePathPattern(pattern);
  assert.ok('problem' in parsed, pattern);
  return parsed.problem;
}

describe('the path of a rule', () => {
  it('matches the same segments', () => {
    assert.ok(matches('/a/b', 'a', 'b'));
    assert.ok(matches('/a/b/', 'a', 'b'));
    assert.ok(matches('/'));
    for (const other of [['a'], ['a', 'b', 'c'], ['a', 'B'], []]) assert.ok(!matches('/a/b', ...other));
    assert.ok(!matches('/', 'a'));
  });

  it('has * for one segment', () => {
    assert.ok(matches('/a/*/c', 'a', 'b', 'c'));
    assert.ok(!matches('/a/*/c', 'a', 'c'));
    assert.ok(!matches('/a/*/c', 'a', 'b', 'b', 'c'));
  });

  it('has ** for any number of segments, also none', () => {
    for (const middle of [[], ['x'], ['c', 'x'], ['', 'c']]) assert.ok(matches('/a/**/c', 'a', ...middle, 'c'));
    assert.ok(!matches('/a/**/c', 'a', 'c', 'x'));
    assert.ok(matches('/**/git-upload-pack', 'team', 'app.git', 'git-upload-pack'));
    assert.ok(matches('/**'));
    assert.ok(matches('/a/**', 'a'));
    assert.ok(matches('/**/a/**/b', 'x', 'a', 'a', 'y', 'b'));
    assert.ok(!matches('/**/a/**/b', 'x', 'b', 'a'));
  });

  it('is decoded, so that it can name a slash or a star', () => {
    assert.ok(matches('/projects/team%2Fapp', 'projects', 'team/app'));
    assert.ok(!matches('/projects/team%2Fapp', 'projects', 'team', 'app'));
    assert.ok(matches('/%2A', '*'));
    assert.ok(!matches('/%2A', 'a'));
    assert.ok(matches('/%E2%82%AC', '€'));
    assert.ok(matches('/a%252Fb', 'a/b'));
  });

  it('is not a regular expression', () => {
    assert.ok(matches('/a.b[c]', 'a.b[c]'));
    assert.ok(!matches('/a.b', 'axb'));
  });

  it('is rejected with the fix', () => {
    assert.equal(problemOf('a/b'), 'must begin with /');
    assert.match(problemOf('/a?b=c'), /leave out query/);
    assert.match(problemOf('/a\\b'), /leave out query, fragment, backslash/);
    assert.match(problemOf('/a\nb'), /control characters/);
    assert.match(problemOf('/a//b'), /write one slash/);
    assert.match(problemOf('//'), /write one slash/);
    assert.match(problemOf('/a*'), /must be the whole segment/);
    assert.match(problemOf('/a/***'), /must be the whole segment/);
    assert.match(problemOf('/100%'), /write %25/);
    assert.match(problemOf('/a/../b'), /the path that it leads to/);
    assert.match(problemOf('/a/%2e%2e/b'), /the path that it leads to/);
    assert.match(problemOf('/./a'), /the path that it leads to/);
  });

  it('is compared in bounded time', () => {
    const pattern = parsePathPattern(`${'/**/a'.repeat(200)}/b`);
    assert.ok(!('problem' in pattern));
    // Exponential work would not end.
    const path = [...Array.from({ length: 2000 }, () => 'a'), 'b', 'a'];
    assert.ok(!matchesPath(pattern.exact, path));
  });
});
