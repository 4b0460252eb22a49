import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { decodeJwt } from 'jose';
import { eventually } from '../../../support/poll.ts';
import { ExchangeService } from '../../../support/proxy/exchange-service.ts';
import { IdentityCluster, account } from '../../../support/proxy/identity-cluster.ts';
import type { ProxyClient } from '../../../support/proxy/proxy-client.ts';
import { ToolServer } from '../../../support/proxy/tool-server.ts';
import { started } from '../../../support/started.ts';

const audience = 'https://sts.example';

describe('a Secret of type token-exchange', function () {
  this.timeout(60_000);
  let fixture: IdentityCluster;
  let service: ExchangeService;
  let client: ProxyClient;
  let bodies: string[];

  beforeEach(async () => {
    fixture = started(await IdentityCluster.start());
    service = started(await ExchangeService.start(fixture.trust(audience)));
    bodies = [];
  });
  afterEach(async () => {
    const { cluster } = fixture;
    const subjects = service.endpoint.asked.map(({ body }) => new URLSearchParams(body));
    const tokens = subjects.flatMap((form) => [form.get('subject_token'), form.get('client_assertion')]);
    const [replica] = cluster.replicas;
    const shown = [cluster.log, (await replica?.metrics.text()) ?? '', JSON.stringify(cluster.status()), ...bodies];
    for (const token of tokens.filter((each) => each !== null)) {
      assert.ok(!shown.some((text) => text.includes(token) || text.includes(token.split('.')[1]!)));
    }
    assert.ok(!shown.some((text) => text.includes('ISSUED-TOKEN') || text.includes('PROVIDER')));
  });

  const put = (keys: Readonly<Record<string, string>> = {}, extensions: readonly string[] = []): void =>
    fixture.put(
      'token-exchange',
      service.endpoint.server.url(),
      { audience, tokenUrl: service.endpoint.url, ...keys },
      {
        extensions,
      },
    );
  const start = async (keys: Readonly<Record<string, string>> = {}, extensions?: readonly string[]): Promise<void> => {
    put(keys, extensions);
    await fixture.cluster.replica({ flags: ['--write-status=false'] });
    client = fixture.client();
  };
  const get = async (): ReturnType<ProxyClient['getSecurely']> => {
    const answer = await client.getSecurely(`${service.endpoint.server.url()}/api`);
    if (answer.body !== 'in') bodies.push(answer.body);
    return answer;
  };
  const changed = async (keys: Readonly<Record<string, string>>): Promise<string> => {
    put(keys);
    fixture.wait(20_000);
    return (await get()).body.trim();
  };
  const form = (at = -1): URLSearchParams => new URLSearchParams(service.endpoint.asked.at(at)?.body);

  it('exchanges a token of the service account, once for all requests', async () => {
    await start();
    for (let at = 0; at < 3; at += 1) assert.equal((await get()).body, 'in');
    assert.deepEqual(fixture.asked, [`ci/${account}`]);
    assert.equal(service.endpoint.asked.length, 1);
    const { subject_token: subject, ...others } = Object.fromEntries(form());
    assert.deepEqual(others, {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    });
    const { aud, exp = 0, iat = 0 } = decodeJwt(subject!);
    assert.deepEqual([aud, exp - iat], [[audience], 3600]);
    assert.equal(service.endpoint.asked[0]?.headers.authorization, undefined);
  });

  it('sends the optional keys', async () => {
    const optional = { clientId: 'builds', requestedAudience: service.target, resource: 'https://r', scope: 'a b' };
    await start({ ...optional, requestedTokenType: 'urn:ietf:params:oauth:token-type:jwt' });
    assert.equal((await get()).body, 'in');
    const { client_id: id, audience: target, resource, scope, requested_token_type: type } = Object.fromEntries(form());
    assert.deepEqual([id, target, resource, scope], ['builds', service.target, 'https://r', 'a b']);
    assert.equal(type, 'urn:ietf:params:oauth:token-type:jwt');
  });

  it('authenticates a client with the token instead, as the Secret says', async () => {
    await start({ grant: 'client-assertion', clientId: 'builds', scope: 'a', requestedAudience: 'not sent' });
    assert.equal((await get()).body, 'in');
    const { client_assertion: subject, ...others } = Object.fromEntries(form());
    assert.equal(decodeJwt(subject!).sub, `system:serviceaccount:ci:${account}`);
    assert.deepEqual(others, {
      client_id: 'builds',
      scope: 'a',
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    });
  });

  it('accepts a token that is no access token', async () => {
    await start();
    service.endpoint.answer = (_seen, response) =>
      void response.end(JSON.stringify({ access_token: service.endpoint.newToken(), token_type: 'N_A' }));
    assert.equal((await get()).body, 'in');
  });

  it('names the code of the service for each thing that it does not trust', async () => {
    await start({ audience: 'https://elsewhere.example' });
    const rejected = (code: string): RegExp =>
      new RegExp(`^Secret ci/login: https://\\S+ issues no token for it \\(${code}\\): see whether the service trusts`);
    assert.match((await get()).body, rejected('invalid_request'));
    assert.match(await changed({ audience, grant: 'client-assertion', serviceAccount: 'builder' }), /does not exist/);
    service.now = () => Date.now() + 7_200_000;
    assert.match(await changed({ grant: 'client-assertion' }), rejected('invalid_client'));
    service.now = Date.now;
    assert.match(await changed({ requestedAudience: 'https://other' }), /\(invalid_target\): request only an audience/);
    assert.equal(await changed({}), 'in');
  });

  it('never asks for a token of another namespace, of the API server or of the proxy itself', async () => {
    await start({ serviceAccount: 'connectors-system/connectors-proxy' });
    assert.match(
      (await get()).body,
      /its serviceAccount cannot be used: set it to the name of a service account in this/,
    );
    assert.match(await changed({ serviceAccount: '../../connectors-system/x' }), /its serviceAccount cannot be used/);
    const forbidden =
      /its audience is that of the API server, or of the proxy: name the audience that the provider expects/;
    assert.match(await changed({ audience: 'connectors-proxy' }), forbidden);
    assert.match(await changed({ audience: fixture.trust('').issuer }), forbidden);
    assert.match(await changed({ audience: ' ' }), /it has no audience: add the key audience/);
    assert.match(
      await changed({ grant: 'password' }),
      /its grant cannot be used: set it to token-exchange or client-ass/,
    );
    assert.deepEqual(fixture.asked, []);
  });

  it('asks for no token if the endpoint is no address of the Connector, or its CA cannot be used', async () => {
    const other = started(await ToolServer.start('https', undefined, ['other.example']));
    await start({ tokenUrl: `${other.url('other.example')}/token` });
    assert.match((await get()).body, /tokenUrl leads to https:\/\/other\.example:\d+, which is no address of the Conn/);
    fixture.put(
      'token-exchange',
      service.endpoint.server.url(),
      { audience, tokenUrl: service.endpoint.url },
      {
        caSecret: 'missing',
      },
    );
    await eventually('the CA is missing', async () => (await get()).body.includes('missing'));
    assert.deepEqual([fixture.asked, other.seen], [[], []]);
  });

  const answers: readonly (readonly [what: string, answer: (response: ServerResponse) => void, message: RegExp])[] = [
    ['10 MB', (response) => void response.end('x'.repeat(10 << 20)), /\(response too long\)/],
    [
      'a redirect',
      (response) => void response.writeHead(307, { location: 'https://other.example/PROVIDER' }).end(),
      /\(status 307\): name the endpoint itself/,
    ],
    ['nothing', () => undefined, /no whole response of the token endpoint/],
  ];
  for (const [what, answer, message] of answers) {
    it(`is not harmed by a service that answers with ${what}`, async () => {
      fixture.cluster.issuerTimeoutMs = what === 'nothing' ? 200 : 30_000;
      await start();
      const other = started(await ToolServer.start('https', undefined, ['other.example']));
      service.endpoint.answer = (_seen, response) => answer(response);
      assert.match((await get()).body, message);
      assert.deepEqual(other.seen, []);
      service.recover();
      fixture.wait();
      await eventually('it has recovered', async () => {
        fixture.wait();
        return (await get()).body === 'in';
      });
    });
  }

  it('uses the old token while the service is away, as long as it is valid', async () => {
    await start();
    await get();
    service.endpoint.answer = (_seen, response) => void response.destroy();
    fixture.wait(2_900_000);
    for (let at = 0; at < 3; at += 1) assert.equal((await get()).body, 'in');
    fixture.wait(3_600_000);
    assert.match((await get()).body, /connection closed by the token endpoint/);
    service.recover();
    fixture.wait();
    await eventually('it has recovered', async () => {
      fixture.wait();
      return (await get()).body === 'in';
    });
  });

  it('uses the token until it ends when the permission is taken away, and asks for no other', async () => {
    await start();
    await get();
    fixture.unbind();
    fixture.wait(1_000_000);
    assert.equal((await get()).body, 'in');
    fixture.wait(3_600_000);
    const message = `the proxy cannot create tokens of service account ci/${account}: bind its service account in "ci" to the ClusterRole connectors-proxy-identities with a RoleBinding`;
    const { status, body } = await get();
    assert.deepEqual([status, body.trim()], [502, message]);
    fixture.bind(['another']);
    fixture.wait();
    assert.equal((await get()).body.trim(), message);
    fixture.bind([account]);
    fixture.wait();
    assert.equal((await get()).body, 'in');
    assert.equal(service.endpoint.asked.length, 2);
  });

  it('waits for an API server that is away', async () => {
    await start();
    const fault = fixture.cluster.api.faults.add({
      resource: 'serviceaccounts',
      effect: { kind: 'status', code: 503 },
    });
    const { status, body } = await get();
    assert.equal(status, 503, body);
    assert.match(body, new RegExp(`^creating a token of service account ci/${account} failed: `));
    fault.remove();
    fixture.wait();
    assert.equal((await get()).body, 'in');
  });
});
