import assert from 'node:assert/strict';
import { parseChallenges } from '../../../../../src/proxy/credentials/registry/challenge.ts';

describe('WWW-Authenticate', () => {
  const read = (...values: readonly string[]): unknown =>
    parseChallenges(values).map(({ scheme, params }) => [scheme, Object.fromEntries(params)]);

  it('holds one challenge or several, in one value or several', () => {
    const bearer = 'Bearer realm="https://auth.example/token?a=b",service="registry",scope="repository:a:pull,push"';
    const parsed = [
      'bearer',
      { realm: 'https://auth.example/token?a=b', service: 'registry', scope: 'repository:a:pull,push' },
    ];
    assert.deepEqual(read(bearer), [parsed]);
    assert.deepEqual(read(`Basic realm="x", ${bearer}`), [['basic', { realm: 'x' }], parsed]);
    assert.deepEqual(read(bearer, 'basic realm=x'), [parsed, ['basic', { realm: 'x' }]]);
    assert.deepEqual(read('Negotiate abc==, Basic realm="a\\"b"'), [
      ['negotiate', {}],
      ['basic', { realm: 'a"b' }],
    ]);
  });

  it('that cannot be read is none, in a time that grows as its length', () => {
    assert.deepEqual(read('', ',,', '"'), []);
    assert.deepEqual(read('Bearer realm="open'), [['bearer', {}]]);
    assert.deepEqual(read('a'.repeat(100_000)), []);
  });
});
