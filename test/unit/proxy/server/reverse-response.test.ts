import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseChallenges } from '../../../../src/proxy/credentials/registry/challenge.ts';
import { parseToolAddress } from '../../../../src/proxy/connectors/tool-address.ts';
import { rewriteResponseHeaders } from '../../../../src/proxy/server/reverse-response.ts';

const prefix = '/namespaces/ci/connectors/tool';
const base = 'http://proxy.example:8080';

/** What a client gets for the value of a header; undefined: not the header. */
function rewritten(name: string, value: string, address = 'https://tool.example/base', path = '/base/a/b?q'): unknown {
  const view = { address: parseToolAddress(address)!, path, prefix, base };
  const headers = rewriteResponseHeaders(['X-A', 'a', name, value, 'X-B', 'b'], view);
  assert.deepEqual(
    [headers.slice(0, 2), headers.slice(-2)],
    [
      ['X-A', 'a'],
      ['X-B', 'b'],
    ],
  );
  return headers.length === 4 ? undefined : headers[3];
}

describe('addresses in the response of a tool, to a client in reverse mode', () => {
  it("lead to the same connector when they are the tool's", () => {
    for (const [given, expected] of [
      ['https://tool.example/base/x?a=/../b#c', `${prefix}/x?a=/../b#c`],
      ['HTTPS://Tool.Example:443/base/x', `${prefix}/x`],
      ['http://tool.example/base', prefix],
      ['https://user@tool.example/base/x', `${prefix}/x`],
      ['//tool.example/base/x', `${prefix}/x`],
      [' /base/x ', `${prefix}/x`],
      ['/base?q=1', `${prefix}?q=1`],
      ['/base/v2/app/blobs/uploads/1', `/v2${prefix}/app/blobs/uploads/1`],
      ['/base/v2', `/v2${prefix}`],
      ['/base/v20/x', `${prefix}/v20/x`],
      ['/base/%2e/c/../d', `${prefix}/d`],
      ['/base//other/x', `${prefix}//other/x`],
      ['c?d', `${prefix}/a/c?d`],
      ['../c', `${prefix}/c`],
      ['', ''],
      ['?page=2', '?page=2'],
      ['#top', '#top'],
    ] as const) {
      assert.equal(rewritten('Location', given), expected, given);
      assert.equal(rewritten('content-location', given), expected, given);
    }
  });

  it('lead below its path also when the tool has paths as the proxy has', () => {
    const whole = 'https://tool.example';
    for (const url of ['/namespaces/ci/connectors/other/x', `${whole}/namespaces/ci/connectors/other/x`]) {
      assert.equal(rewritten('Location', url, whole, '/'), `${prefix}/namespaces/ci/connectors/other/x`);
    }
    assert.equal(rewritten('Location', 'other/x', whole, '/'), `${prefix}/other/x`);
    assert.equal(rewritten('Location', '../other/x', whole, '/'), `${prefix}/other/x`);
    assert.equal(rewritten('Location', '/v2/namespaces/x', whole, '/'), `/v2${prefix}/namespaces/x`);
  });

  it('lead to the tool itself where the connector has no path for them', () => {
    for (const url of ['/other/x?q', 'https://tool.example/other/x?q', '/base/../other/x?q', '../../other/x?q']) {
      assert.equal(rewritten('Location', url), 'https://tool.example/other/x?q', url);
    }
    assert.equal(rewritten('Location', '/x', 'http://[2001:db8::1]:8080/base'), 'http://[2001:db8::1]:8080/x');
  });

  it('stay when they are those of other hosts', () => {
    for (const url of ['https://elsewhere.example/x', 'http://tool.example:8443/base/x', 'mailto:a@b.example']) {
      assert.equal(rewritten('Location', url), url);
    }
    assert.equal(rewritten('Location', '//cdn.example/x'), 'https://cdn.example/x');
  });

  it('are dropped when they are those of the proxy, however they are written', () => {
    for (const url of [
      `${base}/namespaces/ci/connectors/other/`,
      'http://proxy.example:9999/x',
      'https://PROXY.example./namespaces/ci/connectors/other/',
      '//proxy.example:8080/namespaces/ci/connectors/other/',
      'http://user:pw@proxy.example:8080/x',
      'http://%70roxy.example:8080/x',
      'http://a.proxy.example/x',
      'ws://proxy.example:8080/x',
    ]) {
      assert.equal(rewritten('Location', url), undefined, url);
    }
    const view = {
      address: parseToolAddress('https://tool.example')!,
      path: '/',
      prefix,
      base: 'http://127.0.0.1:8080',
    };
    for (const host of ['127.1:8080', '0x7f.1', '2130706433']) {
      assert.deepEqual(rewriteResponseHeaders(['Location', `http://${host}/x`], view), [], host);
    }
  });

  it('are dropped when programs read them in different ways', () => {
    for (const url of [
      'http:/namespaces/ci/connectors/other/',
      'http:other',
      'https:///proxy.example/x',
      '///proxy.example/x',
      '/\\proxy.example/x',
      '/\t/proxy.example/x',
      'http://proxy.example:99999/x',
      '/base/%252e%252e/%252e%252e/x',
      '/base/..;/x',
    ]) {
      assert.equal(rewritten('Location', url), undefined, url);
    }
  });

  it('in a Link are rewritten each; one that is dropped takes the header with it', () => {
    assert.equal(
      rewritten('Link', '</base/v2/a?n=1>; rel="next", <https://elsewhere.example/b>; title="a \\"b\\""'),
      `</v2${prefix}/a?n=1>; rel="next", <https://elsewhere.example/b>; title="a \\"b\\""`,
    );
    assert.equal(rewritten('Link', `</base/a>; rel=next, <${base}/namespaces/ci/connectors/other/>`), undefined);
    for (const value of ['<', '</base/a', '</base/a>; title="open', '<'.repeat(60_000)]) {
      assert.equal(rewritten('Link', value), undefined);
    }
  });

  it('are dropped with a Link that has "<" in a parameter, where some programs look for URLs', () => {
    const other = '</namespaces/ci/connectors/other/>';
    for (const title of [other, `\\${other}`, `a, ${other}; rel=next`]) {
      assert.equal(rewritten('Link', `</base/a>; title="${title}"`), undefined);
    }
  });
});

describe('challenges in the response of a tool, to a client in reverse mode', () => {
  it("lead to the same connector when their realm is below the connector's address", () => {
    assert.equal(
      rewritten('WWW-Authenticate', 'Bearer realm="https://tool.example/base/token?a=b",service="a \\"b\\""'),
      `Bearer realm="${base}${prefix}/token?a=b",service="a \\"b\\""`,
    );
    assert.equal(
      rewritten('www-authenticate', 'Bearer realm="http://tool.example/base"'),
      `Bearer realm="${base}${prefix}"`,
    );
  });

  it('are dropped when a client would send its token elsewhere', () => {
    for (const realm of [
      'https://elsewhere.example/token',
      'HTTPS://elsewhere.example/base/token',
      'https://tool.example@elsewhere.example/base/token',
      'https://tool.example/other',
      'https://tool.example/base/../other',
      '//elsewhere.example/token',
      'ftp://elsewhere.example/token',
      ' https://elsewhere.example/token',
      '\thttps://elsewhere.example/token',
      'https:\\\\\\\\elsewhere.example/token',
      `${base}/namespaces/ci/connectors/other/token`,
      '/base/token',
    ]) {
      assert.equal(rewritten('WWW-Authenticate', `Bearer realm="${realm}",service="x"`), undefined, realm);
    }
    const second = 'Bearer realm="https://tool.example/base/t",realm="https://elsewhere.example/t"';
    assert.equal(rewritten('WWW-Authenticate', second), undefined);
  });

  it('stay beside those that are dropped', () => {
    const foreign = 'Bearer realm="https://elsewhere.example/token",service="x"';
    for (const kept of [
      'Basic realm="Tools: all/of them"',
      'Negotiate',
      'Negotiate YWJj==',
      'Bearer realm="the tool"',
    ]) {
      assert.equal(rewritten('WWW-Authenticate', `${foreign}, ${kept}`), kept);
      assert.equal(rewritten('WWW-Authenticate', `${kept}, ${foreign}`), kept);
    }
    assert.equal(rewritten('WWW-Authenticate', 'Bearer error="invalid_token"'), 'Bearer error="invalid_token"');
  });

  it('are dropped from where on they cannot be read', () => {
    const foreign = 'Bearer realm="https://elsewhere.example/token"';
    assert.equal(rewritten('WWW-Authenticate', `Basic realm="a", =, ${foreign}`), 'Basic realm="a"');
    assert.equal(rewritten('WWW-Authenticate', `=, ${foreign}`), undefined);
    assert.equal(rewritten('WWW-Authenticate', `${foreign}${' '.repeat(16 * 1024)}`), undefined);
  });
});

describe('the headers of a hostile tool', () => {
  const pieces = [
    ...[
      '<',
      '>',
      '"',
      '\\',
      ' ',
      '\t',
      ',',
      ';',
      '=',
      '/',
      '//',
      '..',
      '%2e',
      '%25',
      '@',
      ':',
      '?',
      '#',
      '[',
      ']',
      'a',
    ],
    ...['http:', 'https://', 'tool.example', 'proxy.example:8080', '/base', prefix, '/namespaces/ci/connectors/other/'],
    ...['Bearer realm="', 'realm=', '/v2/', 'Basic '],
  ];
  const text = fc.array(fc.constantFrom(...pieces), { maxLength: 12 }).map((parts) => parts.join(''));
  const view = { address: parseToolAddress('https://tool.example/base')!, path: '/base/a/b?q', prefix, base };
  const clientPath = `${prefix}/a/b`;

  /** Where a client that reads URLs as browsers do goes with its token, if it is the proxy. */
  const isWithinConnector = (url: string): boolean => {
    if (!URL.canParse(url, `${base}${clientPath}`)) return true;
    const { hostname, pathname } = new URL(url, `${base}${clientPath}`);
    return hostname !== 'proxy.example' || [prefix, `/v2${prefix}`].some((own) => `${pathname}/`.startsWith(`${own}/`));
  };

  it('lead a client to no other path of the proxy', () => {
    fc.assert(
      fc.property(text, text, (url, challenge) => {
        const headers = ['Location', url, 'Link', `<${url}>`, 'WWW-Authenticate', `Bearer realm="${challenge}`];
        const found = new Map<string, string>();
        const rewrittenHeaders = rewriteResponseHeaders(headers, view);
        for (let at = 0; at < rewrittenHeaders.length; at += 2) {
          found.set(rewrittenHeaders[at]!, rewrittenHeaders[at + 1]!);
        }
        assert.ok(isWithinConnector(found.get('Location') ?? ''));
        for (const [, each = ''] of (found.get('Link') ?? '').matchAll(/<([^>]*)>/g))
          assert.ok(isWithinConnector(each));
        for (const { scheme, params } of parseChallenges([found.get('WWW-Authenticate') ?? ''])) {
          const realm = params.get('realm') ?? '';
          if (scheme !== 'basic' && /[:/\\]/.test(realm)) assert.ok(realm.startsWith(base) && isWithinConnector(realm));
        }
      }),
      { numRuns: 3000, examples: [['>"<\\Bearer realm="', '']] },
    );
  });
});
