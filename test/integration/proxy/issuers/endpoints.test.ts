import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { connector, connectorClass, grant, secret } from '../../../support/proxy/manifests.js';
import { ClusterFixture } from '../../../support/proxy/cluster-fixture.js';
import { eventually } from '../../../support/poll.js';
import { CertificateAuthority } from '../../../support/kube-api/certificates.js';
import { ProxyFixture, credentialCanary } from '../../../support/proxy/proxy-fixture.js';
import { TokenEndpoint } from '../../../support/proxy/token-endpoint.js';
import { ToolServer, toolAuthority } from '../../../support/proxy/tool-server.js';

const type = 'connectors.alauda.io/oauth2-client';

describe('a token endpoint', () => {
  let endpoint: TokenEndpoint;
  let fixture: ProxyFixture;

  beforeEach(async () => {
    endpoint = await TokenEndpoint.start();
    fixture = await ProxyFixture.start([], { issuerTimeoutMs: 300 });
  });
  afterEach(async () => {
    await fixture.stop();
    await endpoint.server.stop();
  });

  const put = (tokenUrl: string, extensions: readonly string[] = []): void =>
    fixture.put([
      connector('tool', endpoint.server.url(), { secret: 'login', caSecret: 'tool-ca', extensions }),
      ...grant('builder', ['tool']),
      secret('login', type, { clientId: 'builds', clientSecret: credentialCanary, tokenUrl }),
    ]);

  const stalls: readonly [string, (response: ServerResponse) => void][] = [
    ['accepts the request', () => undefined],
    ['sends headers', (response) => response.writeHead(200).flushHeaders()],
    ['sends half of a body', (response) => void response.writeHead(200).write('{"access_token":"a",')],
  ];
  for (const [what, stall] of stalls) {
    it(`that only ${what} is a 504 that names the Secret`, async () => {
      put(endpoint.url);
      endpoint.answer = (_seen, response) => stall(response);
      const client = await fixture.client();
      const answer = await client.getSecurely(`${endpoint.server.url()}/api`);
      assert.match(
        answer.body,
        /^Secret ci\/login: .*the token endpoint https:\/\/tool\.example:\d+.* \(connector ci\/tool\)$/m,
      );
      assert.ok([502, 504].includes(answer.status), String(answer.status));
      await eventually('the request is ended', () => endpoint.server.connections < 2);
    });
  }

  it('with a certificate that the Connector does not trust gets no credential', async () => {
    const other = await ToolServer.start('https', undefined, ['other.example'], new CertificateAuthority('other'));
    try {
      put(`${other.url('other.example')}/token`, [other.url('other.example')]);
      const client = await fixture.client();
      const answer = await client.getSecurely(`${endpoint.server.url()}/api`);
      assert.equal(answer.status, 502);
      assert.match(answer.body, /^Secret ci\/login: TLS failed \(/);
      assert.deepEqual(other.seen, []);
    } finally {
      await other.stop();
    }
  });
});

describe('the status of a Connector with a Secret of type oauth2-client', function () {
  this.timeout(120_000);
  const service = { kind: 'Service', namespace: 'connectors-system', name: 'connectors-proxy-service' };

  it('has the error code of the endpoint, and nothing else of it', async () => {
    const endpoint = await TokenEndpoint.start();
    const fixture = await ClusterFixture.start();
    const login = (clientSecret: string): object =>
      secret('login', type, { clientId: 'builds', clientSecret, tokenUrl: endpoint.url });
    try {
      endpoint.answer = ({ headers }, response) => {
        const basic = Buffer.from((headers.authorization ?? '').slice(6), 'base64').toString();
        if (basic === `builds:${credentialCanary}`) {
          response.end(JSON.stringify({ access_token: endpoint.newToken(), expires_in: 3600 }));
          return;
        }
        const error = { error: 'invalid_client', error_description: `PROVIDER ${basic}` };
        response.writeHead(401).end(JSON.stringify(error));
      };
      fixture.put(
        connectorClass('any', { proxy: { ref: service } }),
        secret('tool-ca', 'Opaque', { 'ca.crt': toolAuthority.certificate }),
        connector('tool', endpoint.server.url(), { secret: 'login', caSecret: 'tool-ca' }),
        login(`${credentialCanary}-wrong`),
      );
      fixture.bindCredentials('ci');
      await fixture.replica();
      await eventually('it is rejected', () => fixture.condition('AuthReady') === 'False Rejected');
      assert.match(
        fixture.message('AuthReady'),
        /^Secret ci\/login: https:\/\/tool\.example:\d+ issues no token for it \(invalid_client\): see whether the client/,
      );
      assert.equal(fixture.condition('Ready'), 'False Rejected');
      const status = JSON.stringify(fixture.status());
      assert.ok(![status, fixture.log].some((text) => text.includes('PROVIDER') || text.includes(credentialCanary)));
      fixture.put(login(credentialCanary));
      await eventually('it is accepted', () => fixture.condition('AuthReady').startsWith('True'));
      assert.equal(fixture.condition('Ready'), 'True Ready');
      assert.ok(!JSON.stringify(fixture.status()).includes(credentialCanary));
    } finally {
      await fixture.stop();
      await endpoint.server.stop();
    }
  });
});
