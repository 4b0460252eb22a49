import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { eventually } from '../../support/poll.ts';
import { CertificateAuthority } from '../../support/tls/certificate-authority.ts';
import { connector, grant, secret } from '../../support/proxy/manifests.ts';
import { ProxyFixture, toolWithLogin } from '../../support/proxy/proxy-fixture.ts';
import { ToolServer, toolAuthority, toolCa } from '../../support/proxy/tool-server.ts';
import { started } from '../../support/started.ts';

/** Tools that close, reset and misread connections. An exception in the proxy ends this process. */
describe('a kept connection to a tool', () => {
  const sockets = new Set<Socket>();
  let tool: net.Server;
  let fixture: ProxyFixture;
  let onData: (socket: Socket, text: string) => void;

  const start = async (flags: readonly string[] = []): Promise<void> => {
    fixture = await ProxyFixture.start(toolWithLogin(url()), { flags });
  };
  const url = (): string => `http://tool.example:${(tool.address() as AddressInfo).port}`;

  beforeEach(async () => {
    tool = net.createServer((socket) => {
      sockets.add(socket.on('error', () => undefined));
      socket.on('data', (chunk: Buffer) => onData(socket, chunk.toString('latin1')));
    });
    await new Promise<void>((resolve) => tool.listen(0, '127.0.0.1', resolve));
  });
  afterEach(async () => {
    await fixture.stop();
    for (const socket of sockets) socket.destroy();
    sockets.clear();
    await new Promise((resolve) => tool.close(resolve));
  });

  /** Opens a connection and sends a request for `path`, of whose response it reads the beginning. */
  async function begin(path: string): Promise<Socket> {
    const client = await fixture.client();
    const socket = await client.raw();
    socket.write(
      `GET ${url()}${path} HTTP/1.1\r\nHost: tool.example\r\nProxy-Authorization: ${client.authorization}\r\n\r\n`,
    );
    await new Promise((resolve) => socket.once('data', resolve));
    return socket;
  }

  it('is closed with its response, if the client no longer reads and the tool closes connections', async () => {
    const block = Buffer.alloc(65_536);
    onData = (socket) => {
      socket.write('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 50000000\r\n\r\n');
      const more = (): void => {
        while (socket.writable && socket.write(block));
      };
      socket.on('drain', more);
      more();
    };
    await start(['--idle-timeout', '1s']);
    const client = await begin('/large');
    client.pause();
    await eventually('the tool sees the end', () => [...sockets].every((socket) => socket.destroyed));
    client.destroy();
  });

  it('is closed with its response, if the client leaves while the proxy does not read small chunks', async () => {
    const block = Buffer.from('1\r\nx\r\n'.repeat(10_000));
    let hasStalled = false;
    onData = (socket) => {
      socket.write('HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n');
      const more = (): void => {
        while (socket.writable && socket.write(block));
        hasStalled = true;
      };
      socket.on('drain', more);
      more();
    };
    await start();
    const client = await begin('/chunks');
    client.resume();
    await eventually('the tool waits', () => hasStalled);
    client.destroy();
    await eventually('the tool sees the end', () => [...sockets].every((socket) => socket.destroyed));
  });

  it('does not let a client that no longer reads stay, while the requests of others use it', async () => {
    const block = 'x'.repeat(30_000);
    let stalledRequests = 0;
    onData = (socket, text) => {
      if (text.startsWith('GET /stalled ')) stalledRequests += 1;
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${block.length}\r\n\r\n${block}`);
    };
    await start(['--idle-timeout', '3s']);
    const client = await fixture.client();
    const stalled = await client.raw();
    let sent = 0;
    // It asks again until its connection is full. Each response is complete for the tool.
    await eventually('the stalled response is aborted', async () => {
      if (stalledRequests === sent) {
        stalled.write(
          `GET ${url()}/stalled HTTP/1.1\r\nHost: tool.example\r\nProxy-Authorization: ${client.authorization}\r\n\r\n`,
        );
        sent += 1;
      }
      await Promise.allSettled(Array.from({ length: 4 }, () => client.get(`${url()}/others`)));
      return (await fixture.metrics()).includes('outcome="aborted"');
    });
    stalled.destroy();
  });

  it('is not used for a Connector with another CA, or of another namespace', async () => {
    const secured = started(await ToolServer.start('https'));
    const namespace = 'other';
    fixture = await ProxyFixture.start([
      connector('tool', secured.url(), { caSecret: 'tool-ca' }),
      connector('tool', secured.url(), { caSecret: 'tool-ca', namespace }),
      connector('wrong', secured.url(), { caSecret: 'wrong-ca' }),
      secret('tool-ca', 'Opaque', { 'ca.crt': toolAuthority.certificate }, { namespace }),
      secret('wrong-ca', 'Opaque', { 'ca.crt': new CertificateAuthority().certificate }),
      ...grant('builder', ['tool', 'wrong']),
      ...grant('builder', ['tool'], { namespace }),
    ]);
    const client = await fixture.client();
    const statusOf = async (where: string): Promise<number> =>
      (await client.reverse(`/namespaces/${where.replace('/', '/connectors/')}/`)).status;
    assert.deepEqual(
      [await statusOf('ci/tool'), await statusOf('ci/tool'), await statusOf('ci/wrong')],
      [200, 200, 502],
    );
    await eventually('the connection alone is there', () => secured.connections === 1);
    assert.equal(await statusOf('other/tool'), 200);
    assert.equal(secured.connections, 2);
  });

  it('is followed by one with its TLS session, but not for another namespace', async () => {
    const secured = started(
      await ToolServer.start('https', (_, response) => void response.setHeader('Connection', 'close').end('hello')),
    );
    const resumed: boolean[] = [];
    secured.server.on('secureConnection', (socket: TLSSocket) => resumed.push(socket.isSessionReused()));
    const namespace = 'other';
    fixture = await ProxyFixture.start([
      connector('tool', secured.url(), { caSecret: 'tool-ca' }),
      connector('tool', secured.url(), { caSecret: 'tool-ca', namespace }),
      toolCa,
      secret('tool-ca', 'Opaque', { 'ca.crt': toolAuthority.certificate }, { namespace }),
      ...grant('builder', ['tool']),
      ...grant('builder', ['tool'], { namespace }),
    ]);
    const client = await fixture.client();
    for (const where of ['ci', 'ci', 'other']) {
      assert.equal((await client.reverse(`/namespaces/${where}/connectors/tool/`)).status, 200);
    }
    assert.deepEqual(resumed, [false, true, false]);
  });

  it('that the tool closes when it is used again does not hold up the request', async () => {
    let last: Socket | undefined;
    onData = (socket) => {
      last = socket;
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    };
    await start();
    const { authorization } = await fixture.client();
    const request = `GET ${url()}/ HTTP/1.1\r\nHost: tool.example\r\nProxy-Authorization: ${authorization}\r\n\r\n`;
    const client = await (await fixture.client()).raw();
    const answer = (): Promise<string> =>
      new Promise((resolve) => client.once('data', (chunk: Buffer) => resolve(chunk.toString('latin1'))));
    for (let times = 0; times < 5; times += 1) {
      const first = answer();
      client.write(request);
      assert.match(await first, /^HTTP\/1\.1 200 /);
      await new Promise((resolve) => setImmediate(resolve));
      const again = answer();
      client.write(request);
      last?.end();
      // The proxy, in this process too, finds both the request and the end of the connection.
      const until = performance.now() + 5;
      while (performance.now() < until);
      assert.match(await again, /^HTTP\/1\.1 200 /);
    }
    client.destroy();
  });

  it('does not make a response that is reset look complete', async () => {
    onData = (socket) => void socket.write('HTTP/1.1 200 OK\r\n\r\nhalf');
    await start();
    const client = await fixture.client();
    const socket = await client.raw();
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (text.includes('half')) for (const each of sockets) each.resetAndDestroy();
    });
    socket.write(
      `GET ${url()}/ HTTP/1.1\r\nHost: tool.example\r\nProxy-Authorization: ${client.authorization}\r\n\r\n`,
    );
    await once(socket, 'close');
    assert.match(text, /half/);
    assert.doesNotMatch(text, /\r\n0\r\n\r\n$/);
  });

  it('is not used again after a body that the method does not expect', async () => {
    const connections = new Map<Socket, string[]>();
    onData = (socket, text) => {
      connections.set(socket, [...(connections.get(socket) ?? []), text.split('\r\n')[0] ?? '']);
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    };
    await start();
    const client = await fixture.client();
    const inner = 'DELETE /smuggled HTTP/1.1\r\nHost: tool.example\r\n\r\n';
    for (const method of ['GET', 'DELETE', 'OPTIONS']) {
      await client.get(`${url()}/a`, { method, headers: { 'content-length': inner.length }, body: inner });
      assert.equal((await client.get(`${url()}/victim`)).body, 'ok');
    }
    const after = [...connections.values()].flatMap((lines) => {
      const at = lines.findIndex((line) => line.includes('/a '));
      return at === -1 ? [] : lines.slice(at + 1);
    });
    assert.deepEqual(after, []);
  });

  it('has the whole `304` with the length of another response', async () => {
    onData = (socket) => {
      socket.write('HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nContent-Length: 1234\r\n\r\n');
    };
    await start();
    const client = await fixture.client();
    const { status, headers } = await client.get(`${url()}/`);
    assert.deepEqual([status, headers.etag], [304, '"a"']);
    await eventually('it is logged', () => fixture.requests.length === 1);
    assert.equal(fixture.requests[0]?.['outcome'], 'ok');
  });

  it('gets `Via` whatever values the headers of a request have', async () => {
    let head = '';
    onData = (socket, text) => {
      head = text;
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    };
    await start();
    const client = await fixture.client();
    await client.get(`${url()}/`, { headers: { 'x-a': 'Transfer-Encoding' } });
    assert.match(head, /\r\nx-a: Transfer-Encoding\r\n/i);
    assert.match(head, /\r\nVia: 1\.1 /);
  });
});
