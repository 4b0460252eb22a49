import assert from 'node:assert/strict';
import net from 'node:net';
import { once } from 'node:events';
import tls from 'node:tls';
import { eventually } from '../../support/poll.ts';
import { connector, grant } from '../../support/proxy/manifests.ts';
import { headOf, sendOn } from '../../support/proxy/proxy-client.ts';
import { ProxyFixture, robotBasic, toolWithLogin } from '../../support/proxy/proxy-fixture.ts';
import { ToolServer } from '../../support/proxy/tool-server.ts';
import { started } from '../../support/started.ts';

/** A connection that nobody reads from does not notice its end. */
async function untilClosed(socket: net.Socket): Promise<void> {
  socket.resume();
  await eventually('the connection is closed', () => socket.closed);
}

describe('a tunnel', () => {
  let tool: ToolServer;
  let fixture: ProxyFixture;
  let nowMs: number;

  const objects = (): readonly object[] => toolWithLogin(tool.url(), { caSecret: 'tool-ca' });

  beforeEach(async () => {
    nowMs = Date.now();
    tool = started(await ToolServer.start('https'));
    fixture = started(await ProxyFixture.start(objects(), { now: () => nowMs }));
  });

  it("ends TLS for the connector's host with a certificate of the proxy's CA, and adds the credential", async () => {
    const client = await fixture.client();
    const socket = await client.tunnel(`tool.example:${tool.port}`);
    assert.equal(socket.alpnProtocol, false);
    assert.match(socket.getPeerCertificate().subjectaltname ?? '', /^DNS:tool\.example$/);
    for (const path of ['/one', '/two']) {
      const answer = await sendOn(socket, path, { headers: { host: `tool.example:${tool.port}` } });
      assert.equal(answer.body, 'hello');
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

  it('has a certificate for the host of its CONNECT, whatever name the client sends in its handshake', async () => {
    fixture.put([
      ...objects(),
      connector('address', `https://127.0.0.1:${tool.port}`),
      ...grant('builder', ['address'], { name: 'use-address' }),
    ]);
    const client = await fixture.client('ci/tool,ci/address');
    const namesFor = async (host: string, servername: string): Promise<string | undefined> => {
      const { socket } = await client.connect(`${host}:${tool.port}`);
      const secure = tls.connect({ socket, servername, rejectUnauthorized: false });
      await once(secure, 'secureConnect');
      const { subjectaltname } = secure.getPeerCertificate();
      secure.destroy();
      return subjectaltname;
    };
    for (const name of ['tool.example', 'kubernetes.default.svc', 'pypi.org']) {
      assert.equal(await namesFor('tool.example', name), 'DNS:tool.example');
      assert.equal(await namesFor('127.0.0.1', name), 'IP Address:127.0.0.1');
    }
  });

  it('agrees on keys that cost little CPU time, and on no others', async () => {
    const client = await fixture.client();
    const keyExchange = async (ecdhCurve: string): Promise<string | undefined> => {
      const { socket } = await client.connect(`tool.example:${tool.port}`);
      const secure = tls.connect({ socket, ca: fixture.authority, servername: 'tool.example', ecdhCurve });
      const error = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
        secure.once('secureConnect', () => resolve(undefined)).once('error', resolve);
      });
      const { name = error?.code } = secure.getEphemeralKeyInfo() as { readonly name?: string };
      secure.destroy();
      return name;
    };
    assert.equal(await keyExchange('P-521:X25519'), 'X25519');
    assert.equal(await keyExchange('P-521:P-256'), 'prime256v1');
    assert.match((await keyExchange('P-521')) ?? '', /HANDSHAKE_FAILURE|SSLV3_ALERT/);
  });

  it('is refused with 407 without credentials, after which the same connection gets one', async () => {
    const client = await fixture.client();
    const socket = await client.raw();
    const target = `tool.example:${tool.port}`;
    socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`);
    const refused = await headOf(socket);
    assert.match(refused, /^HTTP\/1\.1 407 .*Proxy-Authenticate: Basic/s);
    const length = Number(/Content-Length: (\d+)/.exec(refused)?.[1]);
    let rest = 0;
    while (rest < length) {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) await once(socket, 'readable');
      else rest += chunk.length;
    }
    const authorized = `Proxy-Authorization: ${client.authorization}\r\n`;
    socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${authorized}\r\n`);
    assert.match(await headOf(socket), /^HTTP\/1\.1 200 /);
    socket.destroy();
  });

  it('leads to its host and nowhere else', async () => {
    const client = await fixture.client();
    const answer = await client.getSecurely(`${tool.url()}/`, { headers: { host: 'elsewhere.example' } });
    assert.equal(answer.status, 421);
    assert.deepEqual(tool.seen, []);
  });

  it('serves no request after its token has expired', async () => {
    const client = await fixture.client('ci/tool', { expiresIn: 600 });
    const socket = await client.tunnel(`tool.example:${tool.port}`);
    const host = `tool.example:${tool.port}`;
    assert.equal((await sendOn(socket, '/', { headers: { host } })).status, 200);
    nowMs += 601_000;
    const late = await sendOn(socket, '/', { headers: { host } });
    assert.equal(late.status, 403);
    assert.equal(late.headers.connection, 'close');
    assert.match(late.body, /^token of this tunnel expired: /);
    await untilClosed(socket);
    assert.equal(tool.seen.length, 1);
  });

  it('serves no request after the right is gone, and says which', async () => {
    const client = await fixture.client();
    const socket = await client.tunnel(`tool.example:${tool.port}`);
    const host = `tool.example:${tool.port}`;
    assert.equal((await sendOn(socket, '/', { headers: { host } })).status, 200);
    fixture.put(objects().slice(0, 2));
    const late = await sendOn(socket, '/', { headers: { host } });
    assert.equal(late.status, 403);
    assert.match(
      late.body,
      /system:serviceaccount:ci:builder cannot get connectors.* that is bound to the service account: - /,
    );
    await untilClosed(socket);
  });

  it('lets plain HTTP and TLS in where the address of the connector is http', async () => {
    const plainTool = started(await ToolServer.start('http'));
    fixture.put([...objects().slice(1), connector('tool', plainTool.url(), { secret: 'login' })]);
    const client = await fixture.client();
    const host = `tool.example:${plainTool.port}`;
    const { socket } = await client.connect(host);
    for (const each of [socket, await client.tunnel(host)]) {
      assert.equal((await sendOn(each, '/', { headers: { host } })).body, 'hello');
      each.destroy();
    }
    assert.deepEqual(
      plainTool.seen.map(({ headers }) => headers.authorization),
      [robotBasic, robotBasic],
    );
  });

  it('ends with what to do when plain HTTP comes in for an https address', async () => {
    const client = await fixture.client();
    const host = `tool.example:${tool.port}`;
    const { socket } = await client.connect(host);
    socket.on('error', () => undefined);
    socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    await untilClosed(socket);
    await eventually('the failure is logged', () => fixture.log.includes('TLS handshake in tunnel failed'));
    assert.match(fixture.log, /"reason":"plain_http".*"hint":"[^"]*use https:\/\/ in its URL"/);
    assert.match(await fixture.metrics(), /^connectors_proxy_handshake_failures_total\{reason="plain_http"\} 1$/m);
    assert.deepEqual(tool.seen, []);
  });

  /** A tunnel whose client ends its side after these bytes. @param together in one write with the request for the tunnel. */
  async function endedBy(authority: string, beginning: string, together: boolean): Promise<net.Socket> {
    const client = await fixture.client('ci/tool,ci/plain');
    const head = `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\nProxy-Authorization: ${client.authorization}\r\n\r\n`;
    const { socket } = together ? { socket: await client.raw() } : await client.connect(authority);
    socket.end(together ? head + beginning : beginning, 'latin1').resume();
    return socket;
  }

  it('is closed when its client ends it before the TLS handshake is over', async () => {
    const plainTool = started(await ToolServer.start('http'));
    fixture.put([
      ...objects(),
      connector('plain', plainTool.url('plain.example'), { secret: 'login' }),
      ...grant('builder', ['plain'], { name: 'use-plain' }),
    ]);
    for (const authority of [`tool.example:${tool.port}`, `plain.example:${plainTool.port}`]) {
      for (const beginning of ['', '\x16\x03\x01\x02\x00\x01']) {
        for (const together of [false, true]) {
          const socket = await endedBy(authority, beginning, together);
          // Well before the timeout of the handshake.
          await eventually('the connection is closed', () => socket.closed, 15_000);
        }
      }
    }
    await eventually('all tunnels are counted as closed', async () =>
      /^connectors_proxy_tunnels\{kind="intercepted"\} 0$/m.test(await fixture.metrics()),
    );
  });

  it('to the host of no connector passes on that its client has ended it', async () => {
    const received: string[] = [];
    const sockets: net.Socket[] = [];
    const other = net.createServer((socket) => {
      sockets.push(socket);
      let text = '';
      socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
      socket.once('end', () => received.push(text));
    });
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    try {
      const authority = `other.example:${(other.address() as net.AddressInfo).port}`;
      for (const words of ['last words', '']) {
        for (const together of [false, true]) {
          const socket = await endedBy(authority, words, together);
          await eventually('the connection is closed', () => socket.closed, 15_000);
        }
      }
      assert.deepEqual(received, ['last words', 'last words', '', '']);
    } finally {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => other.close(resolve));
    }
  });

  it('is closed when it goes on with another CONNECT or with what is no HTTP', async () => {
    const client = await fixture.client();
    for (const bytes of ['CONNECT other.example:443 HTTP/1.1\r\nHost: a\r\n\r\n', 'nonsense\r\n\r\n']) {
      const socket = await client.tunnel(`tool.example:${tool.port}`);
      socket.write(bytes);
      assert.match(await headOf(socket), /^HTTP\/1\.1 400 /);
      await untilClosed(socket);
    }
  });

  it('is blind for the host of no connector: the bytes pass as they are, and no credential with them', async () => {
    const echo = net.createServer((socket) => socket.pipe(socket));
    await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
    const { port } = echo.address() as net.AddressInfo;
    const client = await fixture.client();
    const { head, socket } = await client.connect(`other.example:${port}`);
    assert.match(head, /^HTTP\/1\.1 200 /);
    socket.write('ping');
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    assert.equal(chunk.toString(), 'ping');
    socket.end();
    await once(socket, 'close');
    await new Promise((resolve) => echo.close(resolve));
    await eventually('it is in the log', () => fixture.requests.some(({ mode }) => mode === 'tunnel'));
  });

  it('to a host that is not there is an error that the client can read', async () => {
    const client = await fixture.client();
    const closed = net.createServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const { port } = closed.address() as net.AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    const { head } = await client.connect(`other.example:${port}`);
    assert.match(head, /^HTTP\/1\.1 502 /);
  });

  it('needs an allowed connector also for other hosts, lest the proxy be open to all accounts', async () => {
    const client = await fixture.client('ci/tool', { account: 'stranger' });
    const { head } = await client.connect('other.example:443');
    assert.match(head, /^HTTP\/1\.1 403 /);
  });
});

describe('--unmatched-hosts deny', () => {
  it('opens no blind tunnel', async () => {
    const tool = started(await ToolServer.start('http'));
    const fixture = started(
      await ProxyFixture.start([connector('tool', tool.url()), ...grant('builder', ['tool'])], {
        flags: ['--unmatched-hosts', 'deny'],
      }),
    );
    const client = await fixture.client();
    assert.match((await client.connect('other.example:443')).head, /^HTTP\/1\.1 403 /);
    const answer = await client.get('http://other.example/');
    assert.equal(answer.status, 403);
    assert.match(answer.body, /^no connector for other\.example: it belongs to none of ci\/tool/);
  });
});
