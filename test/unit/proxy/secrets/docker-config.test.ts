import assert from 'node:assert/strict';
import { credentialFor } from '../../../../src/proxy/secrets/docker-config.ts';
import { parseToolAddress } from '../../../../src/proxy/connectors/tool-address.ts';
import { Secret } from '../../../../src/shared/secret.ts';

const auth = (text: string): object => ({ auth: Buffer.from(text).toString('base64') });

/** The login for a URL, as `user:password`, or what is wrong. */
function found(url: string, config: Secret): string {
  const address = parseToolAddress(url);
  assert.ok(address);
  const login = credentialFor(address, config);
  return 'problem' in login ? login.problem : `${login.username}:${login.password.expose()}`;
}

/** Counts how often its text is read. */
class CountedSecret extends Secret {
  reads = 0;

  override expose(): string {
    this.reads += 1;
    return super.expose();
  }
}

describe('a .dockerconfigjson', () => {
  const config = new Secret(
    JSON.stringify({
      auths: {
        'plain.example': auth('a:1'),
        'port.example:5000': auth('b:2:3'),
        'https://url.example/v1/': { username: 'c', password: '4' },
        'twice.example': {},
        'https://twice.example': auth('d:5'),
        'twice.example/again': auth('e:6'),
        '[2001:db8::1]:5000': auth('f:7'),
        'UPPER.example': auth('g:8'),
        'not a host': auth('h:9'),
        __proto__: auth('i:10'),
      },
    }),
  );
  const cases: readonly [string, string][] = [
    ['https://plain.example', 'a:1'],
    ['http://plain.example', 'a:1'],
    ['https://plain.example/path', 'a:1'],
    ['https://plain.example:80', 'has no login for https://plain.example:80'],
    ['https://plain.example:5000', 'has no login for https://plain.example:5000'],
    ['https://port.example:5000', 'b:2:3'],
    ['http://port.example:5000', 'b:2:3'],
    ['https://port.example', 'has no login for https://port.example'],
    ['https://url.example', 'c:4'],
    ['https://twice.example', 'd:5'],
    ['https://[2001:db8::1]:5000', 'f:7'],
    ['https://upper.example', 'g:8'],
    ['https://absent.example', 'has no login for https://absent.example'],
  ];
  for (const [url, expected] of cases) {
    it(`has for ${url}: ${expected}`, () => assert.equal(found(url, config), expected));
  }

  it('is parsed once for all requests that need the same Secret', () => {
    const counted = new CountedSecret(
      JSON.stringify({ auths: { 'a.example': auth('a:1'), 'b.example': auth('b:2') } }),
    );
    for (let round = 0; round < 10; round += 1) {
      assert.equal(found('https://a.example', counted), 'a:1');
      assert.equal(found('https://b.example', counted), 'b:2');
    }
    assert.equal(counted.reads, 1);
  });

  it('that is too long or not JSON is told so, and is not parsed again', () => {
    const long = new CountedSecret(`{"auths":{"a.example":{"auth":"${'a'.repeat(256 * 1024)}"}}}`);
    const broken = new CountedSecret('{"auths":');
    for (let round = 0; round < 2; round += 1) {
      assert.match(
        found('https://a.example', long),
        /^has a \.dockerconfigjson of 257 KiB, at most 256 KiB are allowed: /,
      );
      assert.equal(found('https://a.example', broken), 'has a .dockerconfigjson that is not JSON');
    }
    assert.deepEqual([long.reads, broken.reads], [1, 1]);
  });

  for (const text of ['{}', '[]', 'null', '{"auths":[]}', '{"auths":{"a.example":null}}']) {
    it(`has no login in ${text}`, () =>
      assert.equal(found('https://a.example', new Secret(text)), 'has no login for https://a.example'));
  }
});
