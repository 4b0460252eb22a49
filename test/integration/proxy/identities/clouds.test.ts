import assert from 'node:assert/strict';
import { decodeJwt } from 'jose';
import { eventually } from '../../../support/poll.ts';
import { FakeEntra, FakeGoogle, FakeSts } from '../../../support/proxy/cloud-providers.ts';
import { FakeEcr, ecrHost, ecrVpcHost } from '../../../support/proxy/ecr.ts';
import { IdentityCluster } from '../../../support/proxy/identity-cluster.ts';
import type { SeenRequest } from '../../../support/proxy/tool-server.ts';
import { ToolServer } from '../../../support/proxy/tool-server.ts';
import { started } from '../../../support/started.ts';

const stsHost = 'vpce-0a1b2c-d3e4.sts.eu-west-1.vpce.amazonaws.com';
const googleHosts = ['sts-ci.p.googleapis.com', 'iamcredentials-ci.p.googleapis.com', 'storage.googleapis.com'];
const registryHost = 'builds.azurecr.io';
const entraHosts = ['login.entra.example', 'dev.azure.example', registryHost];

type Keys = Readonly<Record<string, string>>;
type Case = readonly [what: string, keys: Keys, message: RegExp];

describe('Secrets of workload identity for clouds', function () {
  this.timeout(60_000);
  let fixture: IdentityCluster;
  let server: ToolServer;
  let bodies: string[];

  const begin = async (hosts: readonly string[]): Promise<void> => {
    fixture = started(await IdentityCluster.start());
    server = started(await ToolServer.start('https', undefined, hosts));
    bodies = [];
    await fixture.cluster.replica({ flags: ['--write-status=false'] });
  };
  /** Nothing of what was asked for or issued is shown. */
  const ensureHidden = async (asked: readonly SeenRequest[]): Promise<void> => {
    const [replica] = fixture.cluster.replicas;
    const shown = [fixture.cluster.log, (await replica?.metrics.text()) ?? '', ...bodies];
    const forms = asked.map(({ body }) => new URLSearchParams(body));
    const names = ['WebIdentityToken', 'subject_token', 'client_assertion', 'access_token'];
    const tokens = forms.flatMap((form) => names.flatMap((name) => form.get(name) ?? []));
    assert.ok(tokens.length > 0);
    for (const secret of [...tokens, ...tokens.map((token) => token.split('.')[1] ?? token), 'ISSUED', 'PROVIDER']) {
      assert.ok(!shown.some((text) => text.includes(secret)), 'a token is shown');
    }
  };
  const get = async (url: string): Promise<string> => {
    const { body } = await fixture.client().getSecurely(url);
    if (body !== 'in') bodies.push(body);
    return body.trim();
  };

  describe('aws-web-identity', () => {
    let sts: FakeSts;
    let ecr: FakeEcr;
    beforeEach(async () => {
      await begin([ecrHost, ecrVpcHost, stsHost]);
      sts = new FakeSts(fixture.trust('sts.amazonaws.com'));
      ecr = new FakeEcr(server);
      const serveEcr = server.answer;
      server.answer = (request, response, seen) => {
        if (!seen.headers.host?.includes('.sts.')) {
          if (sts.issued !== undefined) ecr.keys = sts.issued;
          serveEcr(request, response, seen);
        } else request.on('end', () => void sts.serve(seen, response));
      };
    });
    afterEach(() => ensureHidden(sts.asked));

    const put = (keys: Keys = {}): void =>
      fixture.put(
        'aws-web-identity',
        server.url(ecrHost),
        { roleArn: sts.roleArn, ...keys },
        { extensions: [server.url(stsHost), server.url(ecrVpcHost)] },
      );
    const pull = (): Promise<string> => get(`${server.url(ecrHost)}/v2/team/app/manifests/1`);

    it('becomes the password of the registry by a session of the role', async () => {
      put();
      assert.deepEqual([await pull(), await pull()], ['in', 'in']);
      assert.deepEqual([sts.asked.length, ecr.asked.length, fixture.asked.length], [1, 1, 1]);
      const form = new URLSearchParams(sts.asked[0]?.body);
      assert.deepEqual([form.get('RoleSessionName'), form.get('DurationSeconds')], ['connectors-ci-tool', '3600']);
      const { exp = 0, iat = 0 } = decodeJwt(form.get('WebIdentityToken')!);
      assert.equal(exp - iat, 600);
      assert.match(ecr.asked[0]?.headers['x-amz-security-token'] as string, /^ISSUED-/);
    });

    it('uses the password no longer than the session', async () => {
      put({ durationSeconds: '900', sessionName: 'builds' });
      await pull();
      fixture.wait(1_000_000);
      // AWS accepts signatures of five minutes.
      ecr.now = () => Date.now() + fixture.cluster.aheadMs;
      sts.lifeMs = 3_600_000;
      ecr.withdraw();
      await eventually('there is another', async () => (await pull()) === 'in');
      assert.equal(sts.asked.length, 2);
    });

    const cases: readonly Case[] = [
      [
        'a role that does not trust',
        { roleArn: 'arn:aws:iam::123456789012:role/other' },
        /\(AccessDenied\): see whether the trust policy/,
      ],
      ['an audience that IAM does not know', { audience: 'other' }, /\(InvalidIdentityToken\): register the issuer/],
    ];
    for (const [what, keys, message] of cases) {
      it(`names the code for ${what}`, async () => {
        put(keys);
        assert.match(await pull(), message);
        assert.equal(ecr.asked.length, 0);
      });
    }

    it('names the code for another subject, a clock that is wrong, and keys that AWS cannot read', async () => {
      Object.assign(sts, { trust: { ...sts.trust, subject: 'system:serviceaccount:ci:other' } });
      put();
      assert.match(await pull(), /\(AccessDenied\)/);
      Object.assign(sts, { trust: fixture.trust('sts.amazonaws.com') });
      sts.now = () => Date.now() + 7_200_000;
      fixture.wait();
      assert.match(await pull(), /\(ExpiredTokenException\): see whether the clock of the API server/);
      const Error = { Code: 'IDPCommunicationError' };
      sts.answer = (response) => void response.writeHead(400).end(JSON.stringify({ Error }));
      fixture.wait();
      assert.match(await pull(), /\(IDPCommunicationError\): try again later/);
      sts.answer = (response) => void response.end(JSON.stringify({ Credentials: 'PROVIDER' }));
      fixture.wait();
      assert.match(await pull(), /\(no Credentials\)/);
    });
  });

  describe('google-workload-identity', () => {
    let google: FakeGoogle;
    const audience = (): string => `https://iam.googleapis.com/${google.provider}`;
    beforeEach(async () => {
      await begin(googleHosts);
      google = new FakeGoogle(fixture.trust(''));
      Object.assign(google, { trust: fixture.trust(audience()) });
      server.answer = (request, response, seen) => {
        const isTool = seen.headers.host?.startsWith('storage.') === true;
        const token = (seen.headers.authorization ?? '').replace('Bearer ', '');
        if (!isTool) request.on('end', () => void google.serve(seen, response));
        else if (google.accepts(token)) response.end('in');
        else response.writeHead(401).end('out');
      };
    });
    afterEach(() => ensureHidden(google.asked));

    const put = (keys: Keys = {}): void =>
      fixture.put(
        'google-workload-identity',
        server.url(googleHosts[2]),
        { provider: google.provider, ...keys },
        { extensions: [server.url(googleHosts[0]), server.url(googleHosts[1])] },
      );
    const read = (): Promise<string> => get(`${server.url(googleHosts[2])}/storage/v1/b`);

    it('becomes an access token of the pool', async () => {
      put({ scope: 'https://www.googleapis.com/auth/devstorage.read_only' });
      assert.deepEqual([await read(), await read()], ['in', 'in']);
      assert.equal(google.asked.length, 1);
      const form = new URLSearchParams(google.asked[0]?.body);
      assert.equal(form.get('scope'), 'https://www.googleapis.com/auth/devstorage.read_only');
    });

    it('becomes an access token of a service account, which it impersonates', async () => {
      google.isImpersonationRequired = true;
      put({ impersonate: google.account, scope: 'a b' });
      assert.equal(await read(), 'in');
      assert.deepEqual([google.asked.length, fixture.asked.length], [2, 1]);
      const [first, second] = google.asked;
      const form = new URLSearchParams(first?.body);
      assert.equal(form.get('scope'), 'https://www.googleapis.com/auth/cloud-platform');
      assert.deepEqual(JSON.parse(second?.body ?? ''), { scope: ['a', 'b'], lifetime: '3600s' });
      const before = google.asked.length;
      await fixture
        .client()
        .getSecurely(`${server.url(googleHosts[1])}/v1/projects/-/serviceAccounts/other@p.example:generateAccessToken`);
      assert.equal(google.asked[before]?.headers.authorization, undefined);
    });

    it('names the code for each thing that Google does not trust', async () => {
      put({ impersonate: 'other@a-project.iam.gserviceaccount.com' });
      assert.match(await read(), /\(PERMISSION_DENIED\): grant roles\/iam\.workloadIdentityUser/);
      for (const [keys, message] of [
        [{ audience: 'other' }, /\(invalid_grant\): see whether the provider has this issuer/],
        [
          { provider: google.provider.replace('ci-cluster', 'other') },
          /\(invalid_target\): see whether pool and provider/,
        ],
      ] as const) {
        put(keys);
        fixture.wait(20_000);
        assert.match(await read(), message);
      }
      Object.assign(google, { trust: { ...google.trust, subject: 'system:serviceaccount:ci:other' } });
      put();
      fixture.wait(20_000);
      assert.match(await read(), /\(unauthorized_client\): see whether the attribute condition/);
    });
  });

  describe('azure-workload-identity', () => {
    let entra: FakeEntra;
    beforeEach(async () => {
      await begin(entraHosts);
      entra = new FakeEntra(fixture.trust('api://AzureADTokenExchange'), registryHost);
      server.answer = (request, response, seen) => {
        const { host = '', authorization = '' } = seen.headers;
        const login = Buffer.from(authorization.replace('Basic ', ''), 'base64').toString();
        const reject = (challenge: string): void =>
          void response.writeHead(401, { 'www-authenticate': challenge }).end();
        const realm = `Bearer realm="${server.url(registryHost)}/oauth2/token",service="${registryHost}"`;
        if (host.startsWith('login.') || seen.url === '/oauth2/exchange') {
          request.on('end', () => void entra.serve(seen, response));
        } else if (host.startsWith('dev.')) {
          if (entra.accepts(authorization.replace('Bearer ', ''))) response.end('in');
          else reject('Bearer');
        } else if (!seen.url.startsWith('/oauth2/token')) {
          if (authorization === 'Bearer of-registry') response.end('in');
          else reject(realm);
        } else if (entra.acceptsLogin(login)) response.end(JSON.stringify({ access_token: 'of-registry' }));
        else reject('Basic');
      };
    });
    afterEach(() => ensureHidden(entra.asked));

    const put = (keys: Keys = {}, host = registryHost): void =>
      fixture.put(
        'azure-workload-identity',
        server.url(host),
        {
          tenantId: entra.tenantId,
          clientId: entra.clientId,
          authorityHost: `login.entra.example:${server.port}`,
          ...keys,
        },
        { extensions: [server.url('login.entra.example')] },
      );
    const pull = (): Promise<string> => get(`${server.url(registryHost)}/v2/team/app/manifests/1`);

    it('becomes the refresh token of a registry, as the password for its token service', async () => {
      put();
      assert.deepEqual([await pull(), await pull()], ['in', 'in']);
      assert.deepEqual([entra.asked.length, fixture.asked.length], [2, 1]);
      const before = entra.asked.length;
      await fixture.client().getSecurely(`${server.url(registryHost)}/oauth2/exchange`);
      assert.equal(entra.asked[before]?.headers.authorization, undefined);
    });

    it('is a Bearer token elsewhere, for a scope that the Secret must have', async () => {
      const devOps = '499b84ac-1321-427f-aa17-267ca6975798/.default';
      put({ scope: devOps }, 'dev.azure.example');
      assert.equal(await get(`${server.url('dev.azure.example')}/_apis/projects`), 'in');
      put({}, 'dev.azure.example');
      fixture.wait(20_000);
      await eventually('the Secret is read', async () =>
        (await get(`${server.url('dev.azure.example')}/_apis/projects`)).includes('it has no scope: add the key scope'),
      );
    });

    const cases: readonly Case[] = [
      [
        'another audience',
        { audience: 'api://other' },
        /\(AADSTS700212\): add a federated credential with this audience/,
      ],
      [
        'another client',
        { clientId: '00000000-0000-0000-0000-000000000001' },
        /\(AADSTS700016\): see whether clientId/,
      ],
      ['another tenant', { tenantId: 'other.example' }, /\(AADSTS90002\): see whether tenantId exists/],
      ['another scope', { scope: 'https://other/.default' }, /\(AADSTS500011\): see whether scope names/],
      [
        'a scope for another API',
        { scope: '499b84ac-1321-427f-aa17-267ca6975798/.default' },
        /\(UNAUTHORIZED\): see whether the registry/,
      ],
    ];
    for (const [what, keys, message] of cases) {
      it(`names the code for ${what}`, async () => {
        put(keys);
        assert.match(await pull(), message);
      });
    }

    it('names the code for another subject, another issuer and a clock that is wrong', async () => {
      put();
      const { trust } = entra;
      for (const [change, message] of [
        [
          { subject: 'system:serviceaccount:ci:other' },
          /\(AADSTS700213\): add a federated credential with this subject/,
        ],
        [{ issuer: 'https://other' }, /\(AADSTS700211\): add a federated credential with this issuer/],
      ] as const) {
        Object.assign(entra, { trust: { ...trust, ...change } });
        assert.match(await pull(), message);
        fixture.wait();
      }
      Object.assign(entra, { trust });
      entra.now = () => Date.now() + 7_200_000;
      assert.match(await pull(), /\(AADSTS700024\): see whether the clock of the API server/);
    });
  });
});
