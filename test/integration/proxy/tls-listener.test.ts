import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { proxyLimits } from '../../../src/proxy/limits.ts';
import { ThreadShares } from '../../../src/proxy/thread-shares.ts';
import { createCa, parseCa } from '../../../src/proxy/certificates/certificate-authority.ts';
import { LeafCertificates } from '../../../src/proxy/certificates/leaf-certificates.ts';
import { listen } from '../../../src/shared/process/listen.ts';
import { createTlsServer } from '../../../src/proxy/server/tls-listener.ts';
import { eventually } from '../../support/poll.ts';
import { connector, grant } from '../../support/proxy/manifests.ts';
import { headOf, sendOn } from '../../support/proxy/proxy-client.ts';
import { ProxyFixture, robotBasic, toolWithLogin } from '../../support/proxy/proxy-fixture.ts';
import { ToolServer } from '../../support/proxy/tool-server.ts';
import { started } from '../../support/started.ts';

const service = 'connectors-proxy-service.connectors-system.svc.cluster.local';

describe('TLS to the proxy itself', () => {
  let tool: ToolServer;
  let fixture: ProxyFixture;

  beforeEach(async () => {
    tool = started(await ToolServer.start('https'));
    fixture = started(
      await ProxyFixture.start(toolWithLogin(tool.url(), { caSecret: 'tool-ca' }), {
        flags: ['--tls-address', '127.0.0.1:0', '--tls-names', 'Proxy.Example,127.0.0.1'],
      }),
    );
  });

  async function connect(servername = service, options: tls.ConnectionOptions = {}): Promise<tls.TLSSocket> {
    const socket = tls.connect({
      ...{ host: '127.0.0.1', port: fixture.tlsPort, servername },
      ...{ ca: fixture.authority, ALPNProtocols: ['h2', 'http/1.1'], ...options },
    });
    await once(socket, 'secureConnect');
    return socket.on('error', () => undefined);
  }

  async function tunnel(authority: string): Promise<{ readonly head: string; readonly socket: tls.TLSSocket }> {
    const { authorization } = await fixture.client();
    const socket = await connect();
    socket.write(
      `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\nProxy-Authorization: ${authorization}\r\n\r\n`,
    );
    return { head: await headOf(socket), socket };
  }

  it('has a certificate of the CA for all names of the Service and those of the flag, and speaks HTTP/1.1', async () => {
    for (const name of [service, 'connectors-proxy-service', 'proxy.example', '']) {
      const socket = await connect(name);
      assert.equal(socket.alpnProtocol, 'http/1.1');
      const names = (socket.getPeerCertificate().subjectaltname ?? '').split(', ');
      const inNamespace = 'connectors-proxy-service.connectors-system';
      assert.deepEqual(
        names,
        [
          ...[service, `${inNamespace}.svc`, inNamespace, 'connectors-proxy-service', 'proxy.example'].map(
            (each) => `DNS:${each}`,
          ),
          'IP Address:127.0.0.1',
        ],
        name,
      );
      socket.destroy();
    }
  });

  it('serves requests in absolute form, several on one connection', async () => {
    const { authorization } = await fixture.client();
    const socket = await connect();
    for (const path of ['/one', '/two']) {
      const headers = { host: `tool.example:${tool.port}`, 'proxy-authorization': authorization };
      assert.equal((await sendOn(socket, `http://tool.example:${tool.port}${path}`, { headers })).body, 'hello');
    }
    assert.deepEqual(
      tool.seen.map(({ url, headers }) => [url, headers.authorization]),
      [
        ['/one', robotBasic],
        ['/two', robotBasic],
      ],
    );
    socket.destroy();
  });

  it("ends a second TLS in a tunnel to the connector's host, and passes another host's through", async () => {
    const host = `tool.example:${tool.port}`;
    const { head, socket } = await tunnel(host);
    assert.match(head, /^HTTP\/1\.1 200 /);
    const inner = tls.connect({ socket, servername: 'tool.example', ca: fixture.authority });
    await once(inner, 'secureConnect');
    const bytes = 900_000;
    tool.answer = (request, response) => void request.once('end', () => response.end('whole'));
    const answer = await sendOn(inner, '/in', { method: 'PUT', headers: { host }, body: 'x'.repeat(bytes) });
    assert.equal(answer.body, 'whole');
    assert.equal(tool.seen[0]?.body.length, bytes);
    assert.equal(tool.seen[0].headers.authorization, robotBasic);
    inner.destroy();

    const other = started(
      await ToolServer.start('https', (_request, response) => void response.end('other'), ['other.example']),
    );
    const { socket: outer } = await tunnel(`other.example:${other.port}`);
    const passed = tls.connect({ socket: outer, servername: 'other.example', rejectUnauthorized: false });
    await once(passed, 'secureConnect');
    assert.match(passed.getPeerCertificate().subjectaltname ?? '', /other\.example/);
    const reply = await sendOn(passed, '/', { headers: { host: 'other.example' } });
    assert.equal(reply.body, 'other');
    passed.destroy();
  });

  it('leads back to itself by https in reverse mode', async () => {
    tool.answer = (_request, response) =>
      response.writeHead(401, { 'WWW-Authenticate': `Bearer realm="${tool.url()}/token",service="tool"` }).end();
    const { token } = await fixture.client();
    const socket = await connect();
    const headers = { host: 'connectors-proxy-service', authorization: `Bearer ${token}` };
    const answer = await sendOn(socket, '/namespaces/ci/connectors/tool/v2/', { headers });
    assert.match(
      answer.headers['www-authenticate'] ?? '',
      /realm="https:\/\/connectors-proxy-service\/namespaces\/ci\/connectors\/tool\/token"/,
    );
    socket.destroy();
  });

  it('closes what is not TLS, and counts each connection once', async () => {
    const open = async (): Promise<number> =>
      Number(/_limit_used\{limit="connections"\} (\d+)$/m.exec(await fixture.metrics())?.[1]);
    const socket = await connect();
    assert.equal(await open(), 1);
    const plain = net.connect(fixture.tlsPort, '127.0.0.1').resume();
    plain.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(plain, 'close');
    socket.destroy();
    await eventually('none is left', async () => (await open()) === 0);
  });

  it('agrees on no key that costs much CPU time', async () => {
    const socket = await connect(service, { ecdhCurve: 'P-521:P-384:P-256' });
    assert.equal((socket.getEphemeralKeyInfo() as tls.EphemeralKeyInfo).name, 'prime256v1');
    socket.destroy();
    await assert.rejects(connect(service, { ecdhCurve: 'P-521' }));
  });

  it('takes no second handshake on a connection, which would not count against the limit', async () => {
    const socket = await connect(service, { maxVersion: 'TLSv1.2' });
    const error = await new Promise<Error | null>((resolve) => {
      assert.equal(socket.renegotiate({}, resolve), true);
      socket.once('error', resolve).once('close', () => resolve(new Error('closed')));
    });
    assert.ok(error !== null);
    socket.destroy();
  });

  it('lets a request in flight end when the proxy stops', async () => {
    let finish: (() => void) | undefined;
    tool.answer = (_request, response) => void (finish = () => response.end('late'));
    fixture = started(
      await ProxyFixture.start(
        [connector('tool', tool.url(), { caSecret: 'tool-ca' }), ...grant('builder', ['tool'])],
        { flags: ['--tls-address', '127.0.0.1:0', '--drain-timeout', '1m'] },
      ),
    );
    const { authorization } = await fixture.client();
    const [socket, idle] = [await connect(), await connect()];
    const headers = { host: `tool.example:${tool.port}`, 'proxy-authorization': authorization };
    const answer = sendOn(socket, `http://tool.example:${tool.port}/`, { headers });
    await eventually('the tool has the request', () => finish !== undefined);
    const stopped = fixture.stopProxy();
    idle.resume();
    await once(idle, 'close');
    finish?.();
    assert.equal((await answer).body, 'late');
    socket.resume();
    await stopped;
  });
});

describe('TLS handshakes', () => {
  it('of an address whose share is used up wait, and those of others do not', async () => {
    let nowMs = 0;
    const threads = new ThreadShares(() => nowMs);
    threads.of('address 127.0.0.1').charge(2 * proxyLimits.thread.burst);
    const ca = parseCa(createCa({ now: Date.now }), 'the CA');
    const leaves = new LeafCertificates(() => ca, { now: Date.now });
    const secured: tls.TLSSocket[] = [];
    const accepted: net.Socket[] = [];
    const address = { host: '127.0.0.1', port: 0 };
    const listener = createTlsServer({
      address,
      certificate: () => leaves.contextFor('proxy.example'),
      threads,
      acquire: (socket) => accepted.push(socket) > 0,
      secured: (secure) => void secured.push(secure),
      failed: (error) => assert.fail(String(error)),
    });
    const port = await listen(listener, 'the test', address, { onAcceptError: (error) => assert.fail(error) });
    const open = (localAddress: string): tls.TLSSocket => {
      const socket = net.connect({ host: '127.0.0.1', port, localAddress });
      return tls.connect({ socket, rejectUnauthorized: false }).on('error', () => undefined);
    };
    const attacker = [open('127.0.0.1'), open('127.0.0.1')];
    await eventually('both are accepted', () => accepted.length === 2);
    const other = open('127.0.0.2');
    await once(other, 'secureConnect');
    await eventually('it is served', () => secured.length > 0);
    assert.deepEqual(
      secured.map(({ remoteAddress }) => remoteAddress),
      ['127.0.0.2'],
    );
    nowMs += 60_000;
    await eventually('the others are served later', () => secured.length === 3);
    listener.close();
    for (const socket of [...attacker, other, ...secured, ...accepted]) socket.destroy();
  });
});
