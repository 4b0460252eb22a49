import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { decodeProtectedHeader, jwtVerify } from 'jose';
import { googleServiceAccount } from '../../../../../src/proxy/credentials/issuer/google-service-account.ts';
import type { TokenPlan } from '../../../../../src/proxy/credentials/issuer/issuer.ts';
import { parseSecret } from '../../../../../src/proxy/secrets/secret-source.ts';
import { parseToolAddress } from '../../../../../src/proxy/connectors/tool-address.ts';
import { Secret } from '../../../../../src/shared/secret.ts';
import { planOf, problemOf, requestOf, stepOf } from '../../../../support/proxy/issuer-plan.ts';
import { secret } from '../../../../support/proxy/manifests.ts';

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const file = {
  type: 'service_account',
  project_id: 'a-project',
  private_key_id: 'key-1',
  private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  client_email: 'robot@a-project.iam.gserviceaccount.com',
  token_uri: 'https://oauth2.googleapis.com/token',
};
const registry = 'https://europe-west1-docker.pkg.dev';
const nowMs = Date.UTC(2026, 10, 29, 12, 0, 0);
const everything = 'https://www.googleapis.com/auth/cloud-platform';

interface Given {
  readonly key?: unknown;
  readonly data?: Readonly<Record<string, string>>;
  readonly urls?: readonly string[];
}

function issue({ key = file, data = {}, urls = [registry] }: Given = {}): TokenPlan {
  const text = typeof key === 'string' ? key : JSON.stringify(key);
  return planOf(googleServiceAccount, { 'key.json': text, ...data }, urls);
}

async function assertionOf(found: TokenPlan): Promise<string> {
  const { body = '' } = await requestOf(found, nowMs);
  const form = new URLSearchParams(body);
  assert.equal(form.get('grant_type'), 'urn:ietf:params:oauth:grant-type:jwt-bearer');
  assert.deepEqual([...form.keys()], ['grant_type', 'assertion']);
  return form.get('assertion') ?? '';
}

async function claimsOf(found: TokenPlan): Promise<Readonly<Record<string, unknown>>> {
  const verified = await jwtVerify(await assertionOf(found), createPublicKey(privateKey), {
    algorithms: ['RS256'],
    currentDate: new Date(nowMs),
  });
  return verified.payload;
}

describe('the kind google-service-account', () => {
  it('requests a token with an assertion that the key of the account has signed', async () => {
    const found = issue();
    const seconds = nowMs / 1000;
    assert.deepEqual(await claimsOf(found), {
      iss: file.client_email,
      scope: everything,
      aud: 'https://oauth2.googleapis.com/token',
      iat: seconds,
      exp: seconds + 300,
    });
    assert.deepEqual(decodeProtectedHeader(await assertionOf(found)), { alg: 'RS256', typ: 'JWT', kid: 'key-1' });
    const { method, path, headers } = await requestOf(found, nowMs);
    assert.deepEqual([method, path], ['POST', '/token']);
    assert.equal(headers[headers.indexOf('Content-Type') + 1], 'application/x-www-form-urlencoded');
  });

  it('requests the scope in the Secret', async () => {
    const found = issue({ data: { scope: 'https://www.googleapis.com/auth/devstorage.read_write\n' } });
    assert.equal((await claimsOf(found))['scope'], 'https://www.googleapis.com/auth/devstorage.read_write');
  });

  const google = { scheme: 'https', host: 'oauth2.googleapis.com', port: 443, path: '/token' };
  for (const uri of [
    'https://oauth2.googleapis.com/token',
    'https://evil.example/token',
    'http://oauth2.googleapis.com/token',
    'no URL',
    '',
    7,
    undefined,
  ]) {
    it(`asks Google, whatever the token_uri is: ${String(uri)}`, async () => {
      const found = issue({ key: { ...file, token_uri: uri } });
      assert.deepEqual(stepOf(found).endpoint, google);
      assert.equal(stepOf(found).isWellKnown, true);
      assert.equal((await claimsOf(found))['aud'], 'https://oauth2.googleapis.com/token');
    });
  }

  it('asks the token_uri if it is an address of the Connector', async () => {
    const uri = 'https://tokens.example:8443/o/token';
    const found = issue({ key: { ...file, token_uri: uri }, urls: [registry, 'https://tokens.example:8443'] });
    assert.deepEqual(stepOf(found).endpoint, { scheme: 'https', host: 'tokens.example', port: 8443, path: '/o/token' });
    assert.equal(stepOf(found).isWellKnown, false);
    assert.equal((await claimsOf(found))['aud'], uri);
    const other = issue({ key: { ...file, token_uri: uri }, urls: [registry, 'https://tokens.example'] });
    assert.deepEqual(stepOf(other).endpoint, google);
  });

  const token = new Secret('token');
  const login = { username: 'oauth2accesstoken', password: token };
  const basic = `Basic ${Buffer.from('oauth2accesstoken:token').toString('base64')}`;
  const hosts: readonly (readonly [host: string, isRegistry: boolean, header: string])[] = [
    ['europe-west1-docker.pkg.dev', true, basic],
    ['gcr.io', true, basic],
    ['eu.gcr.io', true, basic],
    ['europe-west1-python.pkg.dev', false, basic],
    ['us-npm.pkg.dev', false, basic],
    ['storage.googleapis.com', false, 'Bearer token'],
    ['evilgcr.io', false, 'Bearer token'],
    ['gcr.io.example.com', false, 'Bearer token'],
    ['pkg.dev.example.com', false, 'Bearer token'],
  ];
  for (const [host, isRegistry, header] of hosts) {
    it(`sends ${header.slice(0, 6).trim()}${isRegistry ? ' as a login of a registry' : ''} to ${host}`, () => {
      const found = issue({ urls: [`https://${host}/team`] });
      assert.deepEqual(found.registryLogin?.(token), isRegistry ? login : undefined);
      const use = { method: 'GET', path: '/team', isUnrepeatable: false };
      assert.deepEqual(found.headersFor(token, use), ['Authorization', header]);
    });
  }

  const noKey = 'its key.json is no key of a Google service account';
  const unusable: readonly (readonly [name: string, key: unknown, problem: string])[] = [
    ['is empty', ' \n', 'it has no key.json'],
    ['is no JSON', '{', noKey],
    ['is a list', [], noKey],
    ['is that of a user', { ...file, type: 'authorized_user' }, noKey],
    ['is the configuration of an identity pool', { ...file, type: 'external_account' }, noKey],
    ['is too long', { ...file, more: 'x'.repeat(16 << 10) }, noKey],
    ['has no account', { ...file, client_email: undefined }, 'its key.json has no usable client_email or private_key'],
    [
      'has a line break in the account',
      { ...file, client_email: 'a\r\nb' },
      'its key.json has no usable client_email or private_key',
    ],
    ['has no private key', { ...file, private_key: 5 }, 'its key.json has no usable client_email or private_key'],
    ['has a damaged private key', { ...file, private_key: 'CANARY' }, 'its private_key in key.json '],
  ];
  for (const [name, key, problem] of unusable) {
    it(`reports a key.json that ${name}`, () => {
      const found = problemOf(() => issue({ key }));
      assert.ok(found.startsWith(problem), found);
      assert.doesNotMatch(found, /CANARY/);
    });
  }

  it('is parsed once for all requests, since the owner of the Secret chooses how long that takes', () => {
    const manifest = secret('google', googleServiceAccount.secretType, { 'key.json': JSON.stringify(file) });
    const found = parseSecret(manifest as Parameters<typeof parseSecret>[0]);
    let reads = 0;
    class Read extends Secret {
      override expose(): string {
        reads += 1;
        return super.expose();
      }
    }
    const data = new Map([['key.json', new Read(JSON.stringify(file))]]);
    const address = parseToolAddress(registry)!;
    const first = { ...found, data };
    const use = { connector: { namespace: 'ci', name: 'tool' }, address, addresses: [address] };
    for (let at = 0; at < 3; at += 1) googleServiceAccount.parse(first, use);
    assert.equal(reads, 1);
  });
});
