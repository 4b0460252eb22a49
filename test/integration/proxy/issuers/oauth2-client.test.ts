import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { jwtVerify } from 'jose';
import { eventually } from '../../../support/poll.ts';
import { connector, grant, secret } from '../../../support/proxy/manifests.ts';
import type { ProxyClient } from '../../../support/proxy/proxy-client.ts';
import { ProxyFixture, credentialCanary } from '../../../support/proxy/proxy-fixture.ts';
import { TokenEndpoint } from '../../../support/proxy/token-endpoint.ts';
import { ToolServer } from '../../../support/proxy/tool-server.ts';
import { started } from '../../../support/started.ts';

const type = 'connectors.alauda.io/oauth2-client';
/** Has every character that the two encodings of a login treat differently. */
const clientSecret = `${credentialCanary} :+%&=é/`;

describe('a Secret of type oauth2-client', () => {
  let endpoint: TokenEndpoint;
  let fixture: ProxyFixture;
  let client: ProxyClient;
  let nowMs: number;

  beforeEach(async () => {
    nowMs = Date.now();
    endpoint = started(await TokenEndpoint.start());
    fixture = started(await ProxyFixture.start([], { now: () => nowMs, monotonicNow: () => nowMs }));
    client = await fixture.client('ci/tool', { expiresIn: 24 * 3600 });
  });

  const put = (data: Readonly<Record<string, string>> = {}, extensions: readonly string[] = []): void =>
    fixture.put([
      connector('tool', endpoint.server.url(), { secret: 'login', caSecret: 'tool-ca', extensions }),
      ...grant('builder', ['tool']),
      secret('login', type, { clientId: 'build:er', clientSecret, tokenUrl: endpoint.url, ...data }),
    ]);
  const get = (path = '/api'): ReturnType<ProxyClient['getSecurely']> =>
    client.getSecurely(`${endpoint.server.url()}${path}`);
  const form = (at = 0): URLSearchParams => new URLSearchParams(endpoint.asked[at]?.body);

  it('becomes a Bearer token, by Basic with both parts encoded', async () => {
    put({ scope: 'read write', audience: 'https://api.example' });
    assert.equal((await get()).body, 'in');
    assert.equal((await get()).body, 'in');
    assert.equal(endpoint.asked.length, 1);
    const [asked] = endpoint.asked;
    const login = Buffer.from((asked?.headers.authorization ?? '').replace('Basic ', ''), 'base64').toString();
    const parts = login.split(':').map((part) => new URLSearchParams(`x=${part}`).get('x'));
    assert.deepEqual(parts, ['build:er', clientSecret]);
    assert.deepEqual(Object.fromEntries(form()), {
      grant_type: 'client_credentials',
      scope: 'read write',
      audience: 'https://api.example',
    });
  });

  it('sends the login in the form with client_secret_post', async () => {
    put({ authMethod: 'client_secret_post' });
    assert.equal((await get()).status, 200);
    assert.equal(endpoint.asked[0]?.headers.authorization, undefined);
    assert.deepEqual([form().get('client_id'), form().get('client_secret')], ['build:er', clientSecret]);
  });

  it('signs an assertion with an RSA key instead of a secret', async () => {
    const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const privateKey = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    put({ clientSecret: '', privateKey, keyId: 'key-1' });
    assert.equal((await get()).status, 200);
    assert.equal(form().get('client_assertion_type'), 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer');
    const { payload, protectedHeader } = await jwtVerify(form().get('client_assertion') ?? '', pair.publicKey, {
      issuer: 'build:er',
      subject: 'build:er',
      audience: endpoint.url,
      currentDate: new Date(nowMs),
    });
    assert.deepEqual([protectedHeader.alg, protectedHeader.kid], ['RS256', 'key-1']);
    assert.equal((payload.exp ?? 0) - (payload.iat ?? 0), 120);
    assert.ok((payload.jti ?? '').length > 20);
    for (const text of [fixture.log, await fixture.metrics()]) {
      assert.ok(!text.includes(privateKey.slice(60, 90)), 'the private key is shown');
      assert.ok(!text.includes(form().get('client_assertion') ?? 'x'), 'the assertion is shown');
    }
  });

  it('is renewed before the token expires, and the old one is used while the endpoint is away', async () => {
    put();
    await get();
    const first = endpoint.used[0]?.headers.authorization;
    nowMs += 2_900_000;
    endpoint.answer = (_seen, response) => response.destroy();
    assert.equal((await get()).body, 'in');
    await eventually('a second request', () => endpoint.asked.length === 2);
    endpoint.answer = undefined;
    nowMs += 10_000;
    assert.equal((await get()).body, 'in');
    await eventually('a new token', async () => {
      await get();
      return endpoint.used.at(-1)?.headers.authorization !== first;
    });
    assert.equal(endpoint.asked.length, 3);
    assert.equal((await get()).body, 'in');
  });

  it('gets another token when the tool rejects one, with the body sent again, once in 5 s', async () => {
    put();
    await get();
    endpoint.withdraw();
    assert.equal((await get()).status, 401);
    assert.equal(endpoint.asked.length, 1);
    nowMs += 5_000;
    const answer = await client.getSecurely(`${endpoint.server.url()}/api`, { method: 'POST', body: 'again' });
    assert.deepEqual([answer.status, answer.body], [200, 'in']);
    assert.equal(endpoint.used.at(-1)?.body, 'again');
    assert.equal(endpoint.asked.length, 2);
  });

  it('gets another token also if the body of the rejection does not end', async () => {
    put();
    await get();
    endpoint.withdraw();
    nowMs += 5_000;
    let hasClosed = false;
    const { answer } = endpoint.server;
    endpoint.server.answer = (request, response, seen) => {
      if (!seen.url.endsWith('/api') || endpoint.asked.length > 1) {
        answer(request, response, seen);
        return;
      }
      response.once('close', () => (hasClosed = true));
      response.writeHead(401);
      // Later, since a kernel that takes everything at once would let nothing else run here.
      const more = (): void => {
        if (!response.destroyed) response.write('x'.repeat(65_536), () => setImmediate(more));
      };
      more();
    };
    assert.equal((await get()).body, 'in');
    await eventually('the connection of the rejection is closed', () => hasClosed);
  });

  it('gets another token after a rejected request that would change the protocol', async () => {
    put();
    await get();
    endpoint.withdraw();
    nowMs += 5_000;
    const headers = { connection: 'upgrade', upgrade: 'websocket' };
    assert.equal((await client.getSecurely(`${endpoint.server.url()}/api`, { headers })).status, 401);
    assert.equal((await get()).body, 'in');
  });

  it('does not let clients reach the endpoint with the token', async () => {
    put();
    const spellings = ['//Token/', '/%2574oken', '/token;x', '/token.json', ';%2Fx/token'];
    for (const path of ['/oauth/token', ...spellings.map((spelling) => `/oauth${spelling}`)]) {
      const answer = await client.getSecurely(`${endpoint.server.url()}${path}`, {
        method: 'POST',
        headers: { authorization: 'Bearer mine' },
      });
      assert.notEqual(answer.body, 'in');
    }
    const seen = [...endpoint.asked, ...endpoint.used];
    assert.equal(seen.length, 1 + spellings.length);
    assert.ok(seen.every(({ headers }) => headers.authorization === undefined));
  });

  it('goes to an address of the Connector alone', async () => {
    const other = started(await ToolServer.start('https', undefined, ['other.example']));
    put({ tokenUrl: `${other.url('other.example')}/token` });
    const refused = await get();
    assert.equal(refused.status, 502);
    const leads = `tokenUrl leads to ${other.url('other.example')}, which is no address of the Connector`;
    assert.equal(
      refused.body.trim(),
      `Secret ci/login: ${leads}: add it to spec.addressExtensions (connector ci/tool)`,
    );
    put({ tokenUrl: endpoint.url.replace('https', 'http') });
    assert.match((await get()).body, /tokenUrl leads to http:/);
    assert.equal(other.seen.length, 0);
    assert.equal(endpoint.used.length, 0);
    other.answer = (_request, response) => response.end(JSON.stringify({ access_token: endpoint.newToken() }));
    put({ tokenUrl: `${other.url('other.example')}/token?api-version=1` }, [other.url('other.example')]);
    assert.equal((await get()).body, 'in');
    assert.equal(other.seen[0]?.url, '/token?api-version=1');
  });

  const answers: readonly [string, number, string, RegExp][] = [
    [
      'an error code',
      400,
      '{"error":"invalid_scope","error_description":"PROVIDER"}',
      /\(invalid_scope\): request only/,
    ],
    ['a rejected client', 401, '{"error":"invalid_client"}', /\(invalid_client\): see whether the client exists/],
    ['an error code of its own', 400, '{"error":"PROVIDER"}', /\(status 400\)/],
    ['no token', 200, '{"token":"PROVIDER"}', /\(no access_token\)/],
    ['another kind of token', 200, '{"access_token":"a","token_type":"mac"}', /\(token_type is not Bearer\)/],
    ['a life below zero', 200, '{"access_token":"a","expires_in":-1}', /\(expires_in is not positive\)/],
  ];
  for (const [what, status, body, message] of answers) {
    it(`is a 502 that says so if the endpoint answers with ${what}, without its text`, async () => {
      put();
      endpoint.answer = (_seen, response) => response.writeHead(status).end(body);
      const answer = await get();
      assert.equal(answer.status, 502);
      assert.match(answer.body, /^Secret ci\/login: https:\/\/tool\.example:\d+ issues no token for it \(/);
      assert.match(answer.body, message);
      assert.match(answer.body, /\(connector ci\/tool\)$/m);
      assert.ok(![answer.body, fixture.log].some((text) => text.includes('PROVIDER')));
      await get();
      assert.equal(endpoint.asked.length, 1);
      assert.equal(endpoint.used.length, 0);
    });
  }

  const unusable: readonly [string, Readonly<Record<string, string>>, RegExp][] = [
    ['no clientId', { clientId: '' }, /it has no clientId: add the key clientId/],
    ['no clientSecret', { clientSecret: ' \n' }, /it has no clientSecret/],
    ['no tokenUrl', { tokenUrl: '' }, /it has no tokenUrl/],
    ['a tokenUrl that is none', { tokenUrl: 'PROVIDER' }, /its tokenUrl is no http or https URL/],
    ['a line break in its scope', { scope: 'a\nb' }, /its scope has a control character/],
    ['an unknown authMethod', { authMethod: 'none' }, /its authMethod is unknown/],
    ['a key that is none', { clientSecret: '', privateKey: 'x' }, /its privateKey is not one unencrypted RSA key/],
  ];
  for (const [what, data, message] of unusable) {
    it(`with ${what} is a 502 that says so`, async () => {
      put(data);
      const answer = await get();
      assert.equal(answer.status, 502);
      assert.match(answer.body, message);
      assert.ok(!answer.body.includes('PROVIDER'));
      assert.equal(endpoint.asked.length, 0);
    });
  }
});
