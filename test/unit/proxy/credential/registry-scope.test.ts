import assert from 'node:assert/strict';
import { impliedScopes, normalScopes } from '../../../../src/proxy/credential/registry-scope.js';

describe('the scope of a request to a registry', () => {
  const cases: readonly [string, string, readonly string[] | undefined][] = [
    ['GET', '/v2/app/manifests/latest', ['repository:app:pull']],
    ['HEAD', '/v2/team/app/blobs/sha256:1?x=y', ['repository:team/app:pull']],
    ['PUT', '/v2/app/manifests/latest', ['repository:app:pull,push']],
    ['POST', '/v2/app/blobs/uploads/', ['repository:app:pull,push']],
    ['POST', '/v2/app/blobs/uploads/?mount=x&from=base', ['repository:app:pull,push', 'repository:base:pull']],
    ['POST', '/v2/app/blobs/uploads/?from=a%20b', ['repository:app:pull,push']],
    ['DELETE', '/v2/app/manifests/x', ['repository:app:delete']],
    ['GET', '/v2/', undefined],
    ['GET', '/v2/_catalog', undefined],
    ['GET', '/v2/a:b/manifests/x', undefined],
    ['GET', '/v2/A%20b/manifests/x', undefined],
    ['GET', '/api/v2/app/manifests/x', undefined],
  ];
  for (const [method, path, scopes] of cases) {
    it(`${method} ${path} is ${scopes?.join(' ') ?? 'unknown'}`, () =>
      assert.deepEqual(impliedScopes(method, path), scopes));
  }

  it('is the same for the same actions in another order', () => {
    assert.deepEqual(normalScopes('repository:a:push,pull repository:b:pull'), [
      'repository:a:pull,push',
      'repository:b:pull',
    ]);
  });
});
