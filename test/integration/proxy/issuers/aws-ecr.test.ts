import assert from 'node:assert/strict';
import { eventually } from '../../../support/poll.ts';
import { FakeEcr, awsKeys, ecrHost, ecrVpcHost } from '../../../support/proxy/ecr.ts';
import { connector, grant, secret } from '../../../support/proxy/manifests.ts';
import type { ProxyClient } from '../../../support/proxy/proxy-client.ts';
import { ProxyFixture, credentialCanary } from '../../../support/proxy/proxy-fixture.ts';
import { started } from '../../../support/started.ts';

describe('a Secret of type aws-ecr', () => {
  let ecr: FakeEcr;
  let fixture: ProxyFixture;
  let client: ProxyClient;
  let nowMs: number;

  beforeEach(async () => {
    nowMs = Date.now();
    ecr = started(await FakeEcr.start());
    ecr.now = () => nowMs;
    fixture = started(await ProxyFixture.start([], { now: () => nowMs, monotonicNow: () => nowMs }));
    client = await fixture.client('ci/tool', { expiresIn: 48 * 3600 });
    put();
  });

  const put = (data: Readonly<Record<string, string>> = {}, rules: Readonly<Record<string, string>> = {}): void =>
    fixture.put([
      connector('tool', ecr.server.url(ecrHost), {
        ...{ secret: 'login', caSecret: 'tool-ca', extensions: [ecr.server.url(ecrVpcHost)], rules },
      }),
      ...grant('builder', ['tool']),
      secret('login', 'connectors.alauda.io/aws-ecr', { ...awsKeys, ...data }),
    ]);
  const get = (path = '/v2/team/app/manifests/1', method = 'GET'): ReturnType<ProxyClient['getSecurely']> =>
    client.getSecurely(`${ecr.server.url(ecrHost)}${path}`, { method });
  const passwords = (): readonly (string | undefined)[] => ecr.used.map(({ headers }) => headers.authorization);
  const lastIn = (): string | undefined => passwords().at(-1);

  it('becomes the login of the registry, by a signed request to the API', async () => {
    assert.equal((await get()).body, 'in');
    assert.equal((await get('/v2/team/app/blobs/uploads/', 'POST')).body, 'in');
    assert.equal(ecr.asked.length, 1);
    const [asked] = ecr.asked;
    assert.equal(asked?.headers.host, `${ecrVpcHost}:${ecr.server.port}`);
    assert.equal(asked.headers['x-amz-security-token'], awsKeys.sessionToken);
    assert.equal(asked.body, '{}');
    const login = Buffer.from((lastIn() ?? '').replace('Basic ', ''), 'base64').toString();
    assert.match(login, /^AWS:ISSUED-/);
  });

  it('sends the login to endpoints of the registry alone', async () => {
    assert.equal((await get()).body, 'in');
    const before = ecr.used.length;
    for (const path of ['/', '/v2', '/v2evil/', '/other/v2/team/app/manifests/1', '/v2/team/app']) await get(path);
    const sent = ecr.used.slice(before).filter(({ url }) => url !== '/v2/' && url !== '/v2');
    assert.ok(sent.length > 0);
    assert.ok(sent.every(({ headers }) => headers.authorization === undefined));
    const asked = ecr.asked.length;
    const api = `${ecr.server.url(ecrVpcHost)}/`;
    const answer = await client.getSecurely(api, {
      method: 'POST',
      body: '{}',
      headers: { authorization: 'Basic eDp5' },
    });
    assert.equal(answer.status, 400);
    assert.equal(ecr.asked[asked]?.headers.authorization, undefined);
  });

  it('is requested anew when the Secret changes', async () => {
    await get();
    const keys = { ...awsKeys, secretAccessKey: `${awsKeys.secretAccessKey}2` };
    ecr.keys = keys;
    put(keys);
    nowMs += 60_000;
    await eventually('the new keys', async () => (await get()).body === 'in' && ecr.asked.length === 2);
  });

  it('names the error of AWS, and not its text', async () => {
    put({ secretAccessKey: `${credentialCanary}-wrong` });
    const answer = await get();
    assert.equal(answer.status, 502);
    const api = `https://${ecrVpcHost}:${ecr.server.port}`;
    const fix =
      'see whether the access key exists, is active, and has this secretAccessKey, and see whether the clock of the node is right';
    assert.equal(
      answer.body.trim(),
      `Secret ci/login: ${api} issues no token for it (InvalidSignatureException): ${fix} (connector ci/tool)`,
    );
    assert.ok(!fixture.log.includes('PROVIDER'));
    assert.equal((await get()).status, 502);
    assert.equal(ecr.asked.length, 1);
  });

  it('is a 502 that says so if the password has expired', async () => {
    const authorizationToken = Buffer.from('AWS:PROVIDER').toString('base64');
    ecr.answer = (response) =>
      void response.writeHead(200).end(JSON.stringify({ authorizationData: [{ authorizationToken, expiresAt: 1 }] }));
    const { status, body } = await get();
    assert.equal(status, 502);
    assert.match(body, /\(token expired\)/);
    assert.ok(![body, fixture.log].some((text) => text.includes('PROVIDER')));
    assert.ok(passwords().every((sent) => sent === undefined));
  });
});
