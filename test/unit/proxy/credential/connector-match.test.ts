import assert from 'node:assert/strict';
import { parseConnector } from '../../../../src/connectors/parse-connector.js';
import { bestMatch, hasDotSegment, matchesOfHost } from '../../../../src/proxy/credential/connector-match.js';
import { parseAuthority, parseToolAddress } from '../../../../src/proxy/credential/tool-address.js';

function connector(name: string, address: string, ...extensions: readonly string[]): ReturnType<typeof parseConnector> {
  return parseConnector({
    metadata: { namespace: 'ci', name },
    spec: {
      connectorClassName: 'any',
      address,
      addressExtensions: extensions.map((value, at) => ({ name: String(at), value })),
    },
  });
}

describe('the connector of a request', () => {
  const named = (url: string): Parameters<typeof matchesOfHost>[1] => {
    const { scheme = 'http', host = '', port = 0 } = parseToolAddress(url) ?? {};
    return { scheme, host, port };
  };
  const found = (connectors: readonly ReturnType<typeof connector>[], url: string, path = '/'): string | undefined =>
    bestMatch(matchesOfHost(connectors, named(url)), path)?.connector.ref.name;

  it('has its host and port, default ports filled in, whatever the case', () => {
    const tool = [connector('tool', 'https://Harbor.Example.com')];
    assert.equal(found(tool, 'https://harbor.example.com:443'), 'tool');
    assert.equal(found(tool, 'https://HARBOR.example.com.'), 'tool');
    assert.equal(found(tool, 'https://harbor.example.com:444'), undefined);
    assert.equal(found(tool, 'https://xharbor.example.com'), undefined);
  });

  it('may be asked for in plain HTTP at port 80, and at its own port', () => {
    assert.equal(found([connector('tool', 'https://a.example')], 'http://a.example'), 'tool');
    assert.equal(found([connector('tool', 'https://a.example:5000')], 'http://a.example:5000'), 'tool');
    assert.equal(found([connector('tool', 'https://a.example:5000')], 'http://a.example'), undefined);
    assert.equal(found([connector('tool', 'http://a.example')], 'https://a.example'), undefined);
  });

  it('may have several addresses', () => {
    const tool = [connector('tool', 'https://a.example', 'https://b.example', 'no url')];
    assert.equal(found(tool, 'https://b.example'), 'tool');
  });

  it('has its path or a parent of it, by whole segments', () => {
    const tool = [connector('tool', 'https://a.example/team/')];
    for (const path of ['/team', '/team/', '/team/x', '/team/x..y', '/team/...']) {
      assert.equal(found(tool, 'https://a.example', path), 'tool', path);
    }
    for (const path of [
      '/',
      '/teams',
      '/TEAM',
      '/team/..',
      '/team/../x',
      '/team/%2e%2e/x',
      '/team/..;/x',
      '/team/.\\x',
    ]) {
      assert.equal(found(tool, 'https://a.example', path), undefined, path);
    }
  });

  it('of whole hosts takes every path', () => {
    assert.equal(found([connector('tool', 'https://a.example')], 'https://a.example', '/api/..%2fx'), 'tool');
  });
});

describe('dot segments', () => {
  it('are found however often they are encoded', () => {
    for (const path of [
      '/..',
      '/a/./b',
      '/%2E%2e',
      '/%252e%252e/',
      '/a%2f..%2fb',
      '/a%5c..',
      `/%${'25'.repeat(9)}2e`,
    ]) {
      assert.equal(hasDotSegment(path), true, path);
    }
    for (const path of ['/', '/a.b', '/..a', '/a..', '/%41', '/a%2Fb']) assert.equal(hasDotSegment(path), false, path);
  });
});

describe('a host and port', () => {
  it('is read as URLs have it', () => {
    assert.deepEqual(parseAuthority('A.example:8443', 443), { host: 'a.example', port: 8443 });
    assert.deepEqual(parseAuthority('[::1]', 443), { host: '::1', port: 443 });
    for (const text of ['', ':1', 'a:0', 'a:65536', 'a b', '[a]', 'a/b', 'a@b', 'a:1:2', '.a']) {
      assert.equal(parseAuthority(text, 443), undefined, text);
    }
  });
});
