import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { CertificateAuthority } from '../../../support/tls/certificate-authority.ts';
import { eventually } from '../../../support/poll.ts';
import { ClusterFixture } from '../../../support/proxy/cluster-fixture.ts';
import { connectorClass, grant, secret } from '../../../support/proxy/manifests.ts';
import type { ProxyClient } from '../../../support/proxy/proxy-client.ts';
import { ProxyFixture, credentialCanary } from '../../../support/proxy/proxy-fixture.ts';
import { tokenIssuers } from '../../../support/proxy/token-issuers.ts';
import type { TokenIssuer } from '../../../support/proxy/token-issuers.ts';
import { ToolServer, toolAuthority } from '../../../support/proxy/tool-server.ts';
import { started } from '../../../support/started.ts';

type Respond = (response: ServerResponse, issuer: TokenIssuer) => void;

/** Ways of not answering. */
const silences: readonly (readonly [what: string, respond: Respond])[] = [
  ['only accepts the request', () => undefined],
  ['only sends headers', (response) => response.writeHead(200).flushHeaders()],
  ['only sends half of a body', (response) => void response.writeHead(200).write('{"access_token":"a",')],
  ['sends one byte of headers at a time', trickle],
];

const lies: readonly (readonly [what: string, respond: Respond, message: RegExp])[] = [
  ['a page', (response) => response.end('<html>PROVIDER</html>'), /\(no (token|authorizationToken)\): see whether/],
  ['an internal error', (response) => response.writeHead(500).end('PROVIDER'), /\(status 500\): try again later/],
  ['too many requests', (response) => response.writeHead(429).end('PROVIDER'), /\(status 429\): try again later/],
  ['a huge token', (response, { issue }) => issue(response, 'x'.repeat(70_000)), /\(response too long\)/],
  [
    'a token too long for a header',
    (response, { issue }) => issue(response, 'x'.repeat(17_000)),
    /\(token not sendable/,
  ],
  [
    'two headers',
    (response, { issue }) => issue(response, 'a\r\nX-Own: PROVIDER'),
    /\(token not sendable in a header\)/,
  ],
  ['a body that is cut off', cutOff, /connection closed by the token endpoint/],
  ['the end of the connection', (response) => response.destroy(), /connection closed by the token endpoint/],
];

for (const [kind, start] of Object.entries(tokenIssuers)) {
  describe(`the token endpoint of ${kind}`, function () {
    this.timeout(120_000);

    let issuer: TokenIssuer;
    let fixture: ProxyFixture;
    let client: ProxyClient;
    let nowMs: number;
    const now = (): number => nowMs;

    const begin = async (options: { readonly issuerTimeoutMs?: number } = {}, authority?: CertificateAuthority) => {
      nowMs = Date.now();
      issuer = await start({ authority, now });
      started(issuer.server);
      fixture = started(await ProxyFixture.start([], { now, monotonicNow: now, ...options }));
      client = await fixture.client('ci/tool', { expiresIn: 24 * 3600 });
      put();
    };
    const put = (...extensions: readonly string[]): void =>
      fixture.put([...issuer.objects({ extensions }), ...grant('builder', ['tool'])]);
    const get = (): ReturnType<ProxyClient['getSecurely']> => client.getSecurely(issuer.url);
    /** No token was sent, nor anything of the provider's shown. */
    const ensureNothing = (body: string): void => {
      assert.ok(issuer.used.every(({ headers }) => headers.authorization === undefined));
      assert.ok(![body, fixture.log].some((text) => text.includes('PROVIDER')));
    };
    const ensureAnswers = async (): Promise<void> => {
      issuer.answer(undefined);
      await eventually('it has recovered', async () => {
        nowMs += 5_000;
        return (await get()).status === 200;
      });
    };

    for (const [what, respond] of silences) {
      it(`that ${what} is a 504 that names it and the Secret, and later used`, async () => {
        await begin({ issuerTimeoutMs: 200 });
        let isOver = false;
        issuer.answer((response) => {
          response.once('close', () => (isOver = true));
          respond(response, issuer);
        });
        const message = `Secret ci/login: no whole response of the token endpoint ${issuer.endpoint} in time`;
        // On a busy machine, the time can be over before the request has been sent.
        await eventually('a request is sent, and ended', async () => {
          const { status, body } = await get();
          assert.equal(status, 504);
          assert.equal(body.trim(), `${message} (connector ci/tool)`);
          ensureNothing(body);
          nowMs += 5_000;
          return isOver;
        });
        await ensureAnswers();
      });
    }

    for (const [what, respond, message] of lies) {
      it(`that answers with ${what} is a 502 that says so, and later used`, async () => {
        await begin();
        issuer.answer((response) => respond(response, issuer));
        const { status, body } = await get();
        assert.equal(status, 502);
        assert.match(body, message);
        assert.ok(body.startsWith('Secret ci/login: ') && body.includes(issuer.endpoint), body);
        assert.match(body, /\(connector ci\/tool\)$/m);
        ensureNothing(body);
        await ensureAnswers();
      });
    }

    it('that sends without end is stopped', async () => {
      await begin();
      let isOver = false;
      issuer.answer((response) => {
        const timer = setInterval(() => response.write('x'.repeat(10_000)), 1);
        response.on('close', () => {
          isOver = true;
          clearInterval(timer);
        });
      });
      const { status, body } = await get();
      assert.equal(status, 502);
      assert.match(body, /issues no token for it \(response too long\)/);
      await eventually('the end of the response', () => isOver);
      ensureNothing(body);
    });

    it('that redirects is not followed, even to another address of the Connector', async () => {
      await begin();
      const other = started(
        await ToolServer.start('https', (_request, response) => issuer.issue(response, 'elsewhere'), ['other.example']),
      );
      put(other.url('other.example'));
      issuer.answer((response) => response.writeHead(307, { location: other.url('other.example') }).end('PROVIDER'));
      const { status, body } = await get();
      assert.equal(status, 502);
      assert.match(body, /\(status 307\): name the endpoint itself: the proxy follows no redirect/);
      assert.deepEqual(other.seen, []);
      ensureNothing(body);
    });

    it('that is away is a 502 with the cause', async () => {
      await begin();
      await issuer.server.stop();
      const { status, body } = await get();
      assert.equal(status, 502);
      assert.match(body, /no connection to .* \(ECONNREFUSED\)/);
    });

    it('with a certificate that the Connector does not trust gets no request', async () => {
      await begin({}, new CertificateAuthority('other'));
      const { status, body } = await get();
      assert.equal(status, 502);
      assert.match(body, /TLS failed \(/);
      assert.deepEqual(issuer.server.seen, []);
    });
  });
}

describe('the status of a Connector with a Secret for tokens', function () {
  this.timeout(120_000);
  const service = { kind: 'Service', namespace: 'connectors-system', name: 'connectors-proxy-service' };

  for (const [kind, start] of Object.entries(tokenIssuers)) {
    it(`has the error of the endpoint of ${kind}, and nothing else of it`, async () => {
      const issuer = await start();
      started(issuer.server);
      const fixture = started(await ClusterFixture.start());
      const { status, body, code } = issuer.rejection;
      issuer.answer((response) => void response.writeHead(status).end(JSON.stringify(body)));
      fixture.put(
        connectorClass('any', { proxy: { ref: service } }),
        secret('tool-ca', 'Opaque', { 'ca.crt': toolAuthority.certificate }),
        ...issuer.objects(),
      );
      fixture.bindCredentials('ci');
      await fixture.replica();
      await eventually('it is rejected', () => fixture.condition('AuthReady') === 'False Rejected');
      const message = `Secret ci/login: ${issuer.endpoint} issues no token for it (${code}): `;
      assert.ok(fixture.message('AuthReady').startsWith(message), fixture.message('AuthReady'));
      await eventually('so is the Connector', () => fixture.condition('Ready') === 'False Rejected');
      const shown = JSON.stringify(fixture.status());
      assert.ok(![shown, fixture.log].some((text) => text.includes('PROVIDER') || text.includes(credentialCanary)));
      issuer.answer(undefined);
      fixture.put(...issuer.objects({ keys: { changed: 'yes' } }));
      await eventually('it is accepted', () => fixture.condition('AuthReady').startsWith('True'));
      await eventually('so is the Connector', () => fixture.condition('Ready') === 'True Ready');
      assert.ok(!JSON.stringify(fixture.status()).includes(credentialCanary));
    });
  }
});

/** Headers that never end, one byte at a time. */
function trickle(response: ServerResponse): void {
  const { socket } = response;
  socket?.write('HTTP/1.1 200 OK\r\nX-Long: ');
  const timer = setInterval(() => socket?.write('a'), 20);
  socket?.on('close', () => clearInterval(timer));
}

function cutOff(response: ServerResponse): void {
  response.writeHead(200, { 'content-length': 1_000 });
  response.write('{"access_token":"a"', () => setTimeout(() => response.destroy(), 50));
}
