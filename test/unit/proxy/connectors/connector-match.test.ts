import assert from 'node:assert/strict';
import { parseConnectorClass } from '../../../../src/shared/connectors/parse-connector-class.ts';
import { parseConnector } from '../../../../src/shared/connectors/parse-connector.ts';
import { bestMatch, matchesOfHost } from '../../../../src/proxy/connectors/connector-match.ts';
import {
  addressesOf,
  mainAddressOf,
  parseAuthority,
  parseToolAddress,
} from '../../../../src/proxy/connectors/tool-address.ts';

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
  const connectorClass = parseConnectorClass({ metadata: { name: 'any' } });
  const named = (url: string): Parameters<typeof matchesOfHost>[1] => {
    const { scheme = 'http', host = '', port = 0 } = parseToolAddress(url) ?? {};
    return { scheme, host, port };
  };
  const found = (connectors: readonly ReturnType<typeof connector>[], url: string, path = '/'): string | undefined =>
    bestMatch(
      matchesOfHost(
        connectors.map((each) => ({ connector: each, connectorClass })),
        named(url),
      ),
      path,
    )?.connector.ref.name;

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
    for (const path of ['/team', '/team/', '/team/x', '/team/x..y']) {
      assert.equal(found(tool, 'https://a.example', path), 'tool', path);
    }
    for (const path of ['/', '/teams', '/TEAM', '/tea', '/te%61m']) {
      assert.equal(found(tool, 'https://a.example', path), undefined, path);
    }
  });

  it('of whole hosts takes every path', () => {
    assert.equal(found([connector('tool', 'https://a.example')], 'https://a.example', '/api/x'), 'tool');
  });
});

describe('the addresses of a Connector', () => {
  const urls = (count: number): readonly string[] => Array.from({ length: count }, (_, at) => `https://b${at}.example`);

  it('are 64 at most, and none of more', () => {
    const most = connector('tool', 'https://a.example', ...urls(63));
    assert.equal(addressesOf(most).length, 64);
    const tooMany = connector('tool', 'https://a.example', ...urls(64));
    assert.deepEqual(addressesOf(tooMany), []);
    const problem = mainAddressOf(tooMany);
    assert.ok('reason' in problem);
    assert.equal(problem.reason, 'TooManyAddresses');
    assert.match(problem.message, /are 65 addresses, and at most 64 are allowed: leave some out/);
  });

  it('are read once per object', () => {
    const tool = connector('tool', 'https://a.example');
    assert.equal(addressesOf(tool), addressesOf(tool));
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
