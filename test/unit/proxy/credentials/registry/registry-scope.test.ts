import assert from 'node:assert/strict';
import {
  apiRootOf,
  endpointOf,
  impliedScopes,
  normalScopes,
} from '../../../../../src/proxy/credentials/registry/registry-api.ts';
import { parseToolAddress } from '../../../../../src/proxy/connectors/tool-address.ts';

describe('the scope of a request to a registry', () => {
  const cases: readonly [string, string, readonly string[] | undefined][] = [
    ['GET', '/v2/app/manifests/latest', ['repository:app:pull']],
    ['HEAD', '/v2/team/app/blobs/sha256:1?x=y', ['repository:team/app:pull']],
    ['PUT', '/v2/app/manifests/latest', ['repository:app:pull,push']],
    ['POST', '/v2/app/blobs/uploads/', ['repository:app:pull,push']],
    ['POST', '/v2/app/blobs/uploads/?mount=x&from=base', ['repository:app:pull,push', 'repository:base:pull']],
    ['POST', '/v2/app/blobs/uploads/?from=a%20b', ['repository:app:pull,push']],
    ['DELETE', '/v2/app/manifests/x', ['repository:app:delete']],
    ['GET', '/v2/app/referrers/sha256:1', ['repository:app:pull']],
    ['GET', '/v2/app/tags/list?n=1', ['repository:app:pull']],
    ['GET', '/v2', []],
    ['GET', '/v2/', []],
    ['GET', '/v2/_catalog?n=1', ['registry:catalog:*']],
    ['GET', '/v2/token', undefined],
    ['GET', '/v2/app', undefined],
    ['GET', '/v2/app/manifests/', undefined],
    ['GET', '/v2/_catalog/x', undefined],
    ['GET', '/v2/a:b/manifests/x', undefined],
    ['GET', '/v2/A%20b/manifests/x', undefined],
    ['GET', '/v2?/app/manifests/x', []],
    ['GET', '/v20/app/manifests/x', undefined],
    ['GET', '/api/v2/app/manifests/x', undefined],
  ];
  for (const [method, path, scopes] of cases) {
    it(`${method} ${path} is ${scopes?.join(' ') ?? 'unknown'}`, () => {
      const endpoint = endpointOf('/v2', path);
      assert.deepEqual(endpoint && impliedScopes(method, endpoint), scopes);
    });
  }

  it('is the same for the same actions in another order', () => {
    assert.deepEqual(normalScopes('repository:a:push,pull repository:b:pull'), [
      'repository:a:pull,push',
      'repository:b:pull',
    ]);
  });
});

describe('the API of a registry', () => {
  const cases: readonly [string, string][] = [
    ['https://a.example', '/v2'],
    ['https://a.example/registry/', '/registry/v2'],
    ['https://a.example/v2/', '/v2'],
    ['https://a.example/v2/team', '/v2'],
    ['https://a.example/registry/v2/team/v2', '/registry/v2'],
    ['https://a.example/v20', '/v20/v2'],
  ];
  for (const [address, root] of cases) {
    it(`at ${address} is ${root}`, () => {
      const parsed = parseToolAddress(address);
      assert.ok(parsed);
      assert.equal(apiRootOf(parsed), root);
    });
  }
});
