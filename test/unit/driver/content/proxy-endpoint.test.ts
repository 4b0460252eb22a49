import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isPlainEnvValue } from '../../../../src/driver/syntax/env-value.ts';
import { chooseProxyEndpoint, proxyUrl } from '../../../../src/driver/content/proxy-endpoint.ts';
import { Secret } from '../../../../src/shared/secret.ts';
import type { ConnectorClass, ResolvedConnector } from '../../../../src/shared/connectors/model.ts';
import { classOf, classWithoutProxy, connectorOf, resolvedOf } from '../../../support/domain.ts';

const token = new Secret('head.claims.signature');
const own = 'https://own.example:8443/namespaces/ci/connectors/harbor';

function urlOf(...resolved: readonly ResolvedConnector[]): string | undefined {
  const endpoint = chooseProxyEndpoint(resolved, 'connectors-proxy');
  return endpoint && proxyUrl(endpoint, token);
}

function classAt(name: string, url: string): ConnectorClass {
  return classOf(name, { proxyAddress: { url } });
}

describe('the proxy of one connector', () => {
  it('is its own, whatever its class says, with the path kept in the address only', () => {
    const resolved = [resolvedOf('ci/harbor', own, classAt('oci', 'http://class.example'))];
    assert.equal(urlOf(...resolved), 'https://ci%2Fharbor:head.claims.signature@own.example:8443');
    assert.equal(chooseProxyEndpoint(resolved, 'connectors-proxy')?.address.url, own);
  });

  it('is none when the class has no proxy, even without an address', () => {
    const connectorClass = classWithoutProxy('constant');
    assert.equal(urlOf({ connector: connectorOf('ci/files'), connectorClass }), undefined);
    assert.equal(urlOf(resolvedOf('ci/files', 'no URL at all', connectorClass)), undefined);
  });

  it('is waited for while it is not set', () => {
    assert.throws(() => urlOf({ connector: connectorOf('ci/harbor'), connectorClass: classOf('oci') }), {
      code: 'UNAVAILABLE',
      message:
        'connector ci/harbor is not reconciled yet: status.proxy.httpAddress is not set; connectorclass oci has no spec.proxy.ref, so the operator of its proxy writes it',
    });
  });

  for (const url of [
    'http://proxy',
    'http://proxy:1',
    'HTTPS://Proxy.Example:65535/',
    'http://10.0.0.1:8080?x',
    'http://[fd00::1]',
    'http://[fd00::1]:8080/path',
    'http://a_b.example#x',
  ]) {
    it(`may be ${url}`, () => {
      const [scheme = '', authority = ''] = url.split(/:\/\/|(?<=\w\]?)[/?#]/);
      const port = /:\d+$/.test(authority) ? '' : ':80';
      assert.equal(
        urlOf(resolvedOf('ci/a', url)),
        `${scheme.toLowerCase()}://ci%2Fa:${token.expose()}@${authority}${port}`,
      );
    });
  }

  it('has the port of its scheme where the address has none, since libcurl takes another', () => {
    for (const [url, end] of [
      ['https://proxy', '@proxy:443'],
      ['http://[fd00::1]/x', '@[fd00::1]:80'],
    ] as const) {
      assert.ok(urlOf(resolvedOf('ci/a', url))?.endsWith(end), url);
    }
  });

  for (const url of [
    'proxy:8080',
    '//proxy',
    'ftp://proxy',
    'http://',
    'http://:8080',
    'http://user:pw@proxy',
    'http://proxy:0',
    'http://proxy:65536',
    'http://proxy:',
    'http://-proxy',
    'http://proxy /x',
    'http://proxy/a b',
    'http://proxy\nevil=1',
    'http://$(id)',
    'http://[::1',
    'http://[::1::]',
    'http://1.2.3.4.5',
    'http://256.0.0.1',
  ]) {
    it(`may not be ${JSON.stringify(url)}`, () => {
      assert.throws(() => urlOf(resolvedOf('ci/harbor', url)), {
        code: 'FAILED_PRECONDITION',
        message: /^connector ci\/harbor: status\.proxy\.httpAddress\.url must be an http or https URL/,
      });
    });
  }
});

describe('the proxy of several connectors', () => {
  const shared = 'http://shared.example:8080';
  const user = (...names: readonly string[]): string => names.map((name) => `ci%2F${name}`).join(',');

  it('is that of the last one’s class, for every connector whose class resolves to it', () => {
    const resolved = [
      resolvedOf('ci/a', own, classAt('x', `${shared}/x`)),
      resolvedOf('ci/b', own, classAt('y', 'http://other.example')),
      resolvedOf('ci/c', own, classAt('z', `${shared}/z`)),
    ];
    assert.equal(urlOf(...resolved), `http://${user('a', 'c')}:${token.expose()}@shared.example:8080`);
    assert.equal(chooseProxyEndpoint(resolved, 'connectors-proxy')?.address.url, `${shared}/z`);
  });

  it('falls back to the last one’s own', () => {
    const resolved = [
      resolvedOf('ci/a', `${shared}/a`),
      resolvedOf('ci/b', 'http://other'),
      resolvedOf('ci/c', shared),
    ];
    assert.equal(urlOf(...resolved), `http://${user('a', 'c')}:${token.expose()}@shared.example:8080`);
  });

  it('leaves out those that need none', () => {
    const constant = classWithoutProxy('constant');
    const oci = classAt('oci', shared);
    const resolved = [resolvedOf('ci/a', own, oci), resolvedOf('ci/b', own, oci), resolvedOf('ci/c', own, constant)];
    assert.equal(urlOf(...resolved), `http://${user('a', 'b')}:${token.expose()}@shared.example:8080`);
  });

  it('waits for each of them', () => {
    const unready = { connector: connectorOf('ci/a'), connectorClass: classAt('oci', shared) };
    assert.throws(() => urlOf(unready, resolvedOf('ci/b', own)), { code: 'UNAVAILABLE', message: /^connector ci\/a / });
  });

  it('names the class whose address is wrong', () => {
    const resolved = [resolvedOf('ci/a', own), resolvedOf('ci/b', own, classAt('oci', 'proxy'))];
    assert.throws(() => urlOf(...resolved), { code: 'FAILED_PRECONDITION', message: /^connectorclass oci: / });
  });

  it('takes a user name of 6 KiB and no longer one', () => {
    const many = (lastName: string): ResolvedConnector[] =>
      [...Array.from({ length: 31 }, (_, index) => `c${String(index).padEnd(192, 'x')}`), lastName].map((name) =>
        resolvedOf(`n/${name}`, shared),
      );
    // 31 of 193 + 4 characters and their commas, and the last one.
    const fitting = 'x'.repeat(6 * 1024 - 31 * (193 + 4 + 1) - 4);
    assert.equal(new URL(urlOf(...many(fitting))!).username.length, 6 * 1024);
    assert.throws(() => urlOf(...many(`${fitting}x`)), {
      code: 'INVALID_ARGUMENT',
      message: /^attribute "connectors": .* lists 32 connectors is over 6144 bytes/,
    });
  });
});

describe('the proxy URL', () => {
  const anyText = fc.string({ unit: 'binary', minLength: 1, maxLength: 40 });
  const address = fc.tuple(
    fc.constantFrom('http', 'https'),
    fc.constantFrom('proxy', 'a-b.example.com', '10.1.2.3', '[fd00::1]'),
    fc.option(fc.integer({ min: 1, max: 65_535 })),
    fc.constantFrom('', '/', '/path?q#f'),
  );

  it('reads back as the same users, token and host, and is safe in a shell, whatever the names and the token', () => {
    const refs = fc.array(fc.record({ namespace: anyText, name: anyText }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(refs, anyText, address, (connectors, secret, [scheme, host, port, rest]) => {
        const authority = `${host}${port === null ? '' : `:${port}`}`;
        const url = `${scheme}://${authority}${rest}`;
        const resolved = connectors.map(({ namespace, name }) => ({
          connector: { ...connectorOf('', { url }), ref: { namespace, name } },
          connectorClass: classOf('class'),
        }));
        const endpoint = chooseProxyEndpoint(resolved, 'connectors-proxy')!;
        const text = proxyUrl(endpoint, new Secret(secret));
        assert.ok(isPlainEnvValue(text), text);
        const parsed = new URL(text);
        assert.deepEqual(
          parsed.username.split(',').map(decodeURIComponent),
          connectors.map(({ namespace, name }) => `${namespace}/${name}`),
        );
        assert.equal(decodeURIComponent(parsed.password), secret);
        assert.equal(parsed.host, new URL(`${scheme}://${authority}`).host);
        assert.equal(parsed.hostname, host);
        assert.equal(parsed.pathname, '/');
      }),
      { numRuns: 500 },
    );
  });
});
