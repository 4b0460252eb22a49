import assert from 'node:assert/strict';
import { GoogleKey } from '../../../support/proxy/google-key.js';
import { connector, grant, secret } from '../../../support/proxy/manifests.js';
import type { ProxyClient } from '../../../support/proxy/proxy-client.js';
import { ProxyFixture } from '../../../support/proxy/proxy-fixture.js';
import { TokenEndpoint } from '../../../support/proxy/token-endpoint.js';

const api = 'storage.googleapis.com';
const tokens = 'oauth2.googleapis.com';
const everything = 'https://www.googleapis.com/auth/cloud-platform';

describe('a Secret of type google-service-account', () => {
  const key = new GoogleKey();
  let google: TokenEndpoint;
  let fixture: ProxyFixture;
  let client: ProxyClient;
  let nowMs: number;

  beforeEach(async () => {
    nowMs = Date.now();
    google = await TokenEndpoint.start('/token', [api, tokens]);
    fixture = await ProxyFixture.start([], { now: () => nowMs, monotonicNow: () => nowMs });
    client = await fixture.client('ci/tool', { expiresIn: 24 * 3600 });
    put();
  });

  afterEach(async () => {
    const secrets = [
      key.pem.slice(60, 100),
      ...google.asked.map(({ body }) => body.slice(-60)).filter((text) => text !== ''),
    ];
    const shown = [fixture.log, await fixture.metrics()].some((text) => secrets.some((each) => text.includes(each)));
    await fixture.stop();
    await google.stop();
    assert.ok(!shown, 'a key or an assertion is in the log or the metrics');
  });

  /** The real endpoint is at port 443. */
  const tokenUri = (): string => `${google.server.url(tokens)}/token`;
  const put = (data: Readonly<Record<string, string>> = {}): void =>
    fixture.put([
      connector('tool', google.server.url(api), {
        ...{ secret: 'login', caSecret: 'tool-ca', extensions: [google.server.url(tokens)] },
      }),
      ...grant('builder', ['tool']),
      secret('login', 'connectors.alauda.io/google-service-account', { 'key.json': key.file(tokenUri()), ...data }),
    ]);
  const get = (path = '/storage/v1/b/bucket/o'): ReturnType<ProxyClient['getSecurely']> =>
    client.getSecurely(`${google.server.url(api)}${path}`);
  const scope = (at = 0): Promise<unknown> => key.scopeIn(google.asked[at]?.body ?? '', tokenUri(), new Date(nowMs));

  it('becomes a Bearer token, by an assertion that its key has signed', async () => {
    assert.equal((await get()).body, 'in');
    assert.equal((await get()).body, 'in');
    assert.equal(google.asked.length, 1);
    assert.equal(await scope(), everything);
    assert.match(google.used[0]?.headers.authorization ?? '', /^Bearer ISSUED-TOKEN/);
  });

  it('does not let clients reach the endpoint with the token', async () => {
    assert.equal((await get()).body, 'in');
    const asked = google.asked.length;
    const answer = await client.getSecurely(tokenUri(), { method: 'POST', headers: { authorization: 'Bearer mine' } });
    assert.equal(answer.status, 200);
    assert.equal(google.asked[asked]?.headers.authorization, undefined);
  });

  it('is a 502 that says so if key.json is that of something else', async () => {
    put({ 'key.json': '{"type":"external_account","audience":"PROVIDER"}' });
    const answer = await get();
    assert.equal(answer.status, 502);
    const fix = 'store the key of a service account, with the type service_account, in JSON';
    assert.equal(
      answer.body.trim(),
      `Secret ci/login: its key.json is no key of a Google service account: ${fix} (connector ci/tool)`,
    );
    assert.equal(google.asked.length, 0);
  });
});
