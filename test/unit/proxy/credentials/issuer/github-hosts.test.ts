import assert from 'node:assert/strict';
import { apiOf, isApiRequest, isRegistry } from '../../../../../src/proxy/credentials/issuer/github-app.ts';

describe('the API of an address of GitHub', () => {
  const cases: readonly [string, string, string, boolean][] = [
    ['github.com', 'api.github.com', '', true],
    ['api.github.com', 'api.github.com', '', true],
    ['npm.pkg.github.com', 'api.github.com', '', true],
    ['ghcr.io', 'api.github.com', '', true],
    ['raw.githubusercontent.com', 'api.github.com', '', true],
    ['octo.ghe.com', 'api.octo.ghe.com', '', true],
    ['api.octo.ghe.com', 'api.octo.ghe.com', '', true],
    ['containers.octo.ghe.com', 'api.octo.ghe.com', '', true],
    ['git.example.com', 'git.example.com', '/api/v3', false],
    ['github.com.example.com', 'github.com.example.com', '/api/v3', false],
    ['evilgithub.com', 'evilgithub.com', '/api/v3', false],
    ['ghe.com', 'ghe.com', '/api/v3', false],
    ['a.b.c.ghe.com', 'a.b.c.ghe.com', '/api/v3', false],
  ];
  for (const [host, api, root, isWellKnown] of cases) {
    it(`is ${api}${root} for ${host}`, () => {
      assert.deepEqual(apiOf({ scheme: 'https', host, port: 443 }), {
        origin: { scheme: 'https', host: api, port: 443 },
        root,
        isWellKnown,
      });
    });
  }

  it("is no host of GitHub's own at another port, or without TLS", () => {
    assert.equal(apiOf({ scheme: 'https', host: 'github.com', port: 8443 }).isWellKnown, false);
    assert.equal(apiOf({ scheme: 'http', host: 'github.com', port: 80 }).isWellKnown, false);
  });

  it('is known by host and path', () => {
    for (const host of ['api.github.com', 'uploads.github.com', 'npm.pkg.github.com']) {
      assert.ok(isApiRequest(host, '/anything'), host);
    }
    assert.ok(isApiRequest('git.example.com', '/api/graphql'));
    assert.ok(!isApiRequest('github.com', '/ada/api.git/info/refs'));
    assert.deepEqual(['ghcr.io', 'containers.octo.ghe.com', 'github.com'].map(isRegistry), [true, true, false]);
  });
});
