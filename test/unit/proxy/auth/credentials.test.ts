import assert from 'node:assert/strict';
import { parseProxyAuthorization, parseReverseAuthorization } from '../../../../src/proxy/auth/credentials.ts';

const token = 'aaa.bbb.ccc';
const basic = (user: string, password = token): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

describe('Proxy-Authorization', () => {
  const names = (header: string): readonly string[] | undefined =>
    parseProxyAuthorization(header)?.connectors.map(({ namespace, name }) => `${namespace}/${name}`);

  it('names connectors, plain or percent-encoded, in their order and none twice', () => {
    assert.deepEqual(names(basic('ci/harbor')), ['ci/harbor']);
    assert.deepEqual(names(basic('ci%2Fharbor,ci%2fgit')), ['ci/harbor', 'ci/git']);
    assert.deepEqual(names(basic('ci%2Fb%2Cci%2Fa')), ['ci/b', 'ci/a']);
    assert.deepEqual(names(basic('ci/a,ci/b,ci/a')), ['ci/a', 'ci/b']);
    assert.deepEqual(names(basic('ci/a').replace('Basic', 'bAsIc')), ['ci/a']);
  });

  it('carries the token', () => {
    assert.equal(parseProxyAuthorization(basic('ci/a'))?.token.expose(), token);
  });

  it('is nothing when it is of another form', () => {
    const many = Array.from({ length: 33 }, (_each, at) => `ci/c${at}`).join();
    const headers = [
      undefined,
      '',
      'Basic',
      `Bearer ${token}`,
      'Basic !!!',
      basic('ci'),
      basic(''),
      basic('ci/'),
      basic('ci/a/b'),
      basic('ci/a,'),
      basic('CI/a'),
      basic('ci/a b'),
      basic('ci%zz'),
      basic(many),
      basic('ci/a', 'no-token'),
      basic('ci/a', `${token}\r\nx: y`),
      basic(`ci/${'a'.repeat(300)}`),
      `Basic ${'A'.repeat(100_000)}`,
    ];
    for (const header of headers) assert.equal(parseProxyAuthorization(header), undefined, header?.slice(0, 80));
  });
});

describe('Authorization to the proxy itself', () => {
  it('is a bearer token, or a password of anybody', () => {
    const parse = (header: string) => {
      const { user, token: found } = parseReverseAuthorization(header) ?? {};
      return [user, found?.expose()];
    };
    assert.deepEqual(parse(`Bearer ${token}`), [undefined, token]);
    assert.deepEqual(parse(basic('who:ever')), ['who:ever', token]);
    for (const header of [undefined, 'Bearer', 'Bearer a', basic('x', 'a'), `Digest ${token}`]) {
      assert.equal(parseReverseAuthorization(header), undefined);
    }
  });
});
