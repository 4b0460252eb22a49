import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import type { Socket } from 'node:net';
import net from 'node:net';
import { eventually } from '../../support/poll.js';
import { connector, grant, secret } from '../../support/proxy/manifests.js';
import { ProcessStage } from '../../support/proxy/process-stage.js';
import { ProxyClient } from '../../support/proxy/proxy-client.js';
import { ProxyStage, credentialCanary } from '../../support/proxy/proxy-stage.js';
import { ToolServer } from '../../support/proxy/tool-server.js';

const block = Buffer.alloc(64 * 1024, 'x');

/** Answers `/N` with N bytes as they are taken, `/hang` never, others at once. */
function serve(request: http.IncomingMessage, response: http.ServerResponse): void {
  if (request.url === '/hang') return;
  let left = Number(request.url?.slice(1));
  response.setHeader('Content-Length', left);
  const more = (): void => {
    while (left > 0 && !response.destroyed) {
      const chunk = block.subarray(0, left);
      left -= chunk.length;
      if (!response.write(chunk)) return void response.once('drain', more);
    }
    response.end();
  };
  more();
}

/** A hostile pod's: from an address of its own. */
function from(localAddress: string, port: number): Socket {
  return net.connect({ port, host: '127.0.0.1', localAddress }).on('error', () => undefined);
}

const manifests = (tool: ToolServer): readonly object[] => [
  connector('tool', tool.url(), { secret: 'login' }),
  secret('login', 'kubernetes.io/basic-auth', { username: 'robot', password: credentialCanary }),
  ...grant('builder', ['tool']),
];

describe('what clients have the proxy hold', function () {
  this.timeout(60_000);
  let tool: ToolServer;
  let sockets: Socket[];

  beforeEach(async () => {
    sockets = [];
    tool = await ToolServer.start('http', serve);
  });

  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    await tool.stop();
  });

  const open = (): number => sockets.filter(({ closed }) => !closed).length;

  it('is bounded for heads that do not end, which need no token, and who comes from elsewhere is served', async () => {
    const stage = await ProcessStage.start(manifests(tool));
    try {
      const proxy = await stage.replica(['tool.example'], ['--max-client-bytes', '48Mi']);
      const client = new ProxyClient(proxy.port, 'ci/tool', await stage.keys.token(), '');
      const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
      const isServed = async (): Promise<void> => {
        assert.equal((await client.get(`${tool.url()}/1`, {}, agent)).status, 200);
        assert.equal((await client.get(`${tool.url()}/1`)).status, 200);
      };
      await isServed();
      const head = `GET / HTTP/1.1\r\nX-A: ${'a'.repeat(31_000)}`;
      for (const address of ['127.0.1.1', '127.0.1.2', '127.0.1.3', '127.0.1.4']) {
        for (let batch = 0; batch < 12; batch += 1) {
          const more = Array.from({ length: 100 }, () => from(address, proxy.port));
          sockets.push(...more);
          for (const socket of more) socket.resume().write(head);
          await isServed();
        }
      }
      // 48 MiB are room for 1,143 of the 4,800, and what the process had free already takes some more.
      await eventually('there is room again', () => open() < 3_000);
      assert.ok(open() > 500, `${open()} are left`);
      await isServed();
      agent.destroy();
    } finally {
      await stage.stop();
    }
  });

  it('is bounded for readers that do not read, and those that do get all of it', async () => {
    const stage = await ProxyStage.start(manifests(tool), { flags: ['--max-client-bytes', '8Mi'] });
    try {
      const client = await stage.client();
      const text = `GET ${tool.url()}/1000000000 HTTP/1.1\r\nHost: tool\r\nProxy-Authorization: ${client.authorization}\r\n\r\n`;
      let received = 0;
      const whole = new Promise<void>((resolve, reject) => {
        const headers = { host: 'tool', 'proxy-authorization': client.authorization };
        http
          .get({ host: '127.0.0.1', port: client.port, path: `${tool.url()}/200000000`, headers }, (answer) => {
            answer.on('data', (chunk: Buffer) => (received += chunk.length));
            answer.once('end', resolve).once('error', reject);
          })
          .once('error', reject);
      });
      await eventually('it has begun', () => received > 0);
      for (let at = 0; at < 60; at += 1) {
        const socket = from('127.0.1.1', client.port);
        sockets.push(socket);
        await once(socket, 'connect');
        socket.write(text);
        // What has been closed is noticed by reading alone.
        socket.once('readable', () => undefined);
      }
      // 8 MiB are room for 22 of them.
      await eventually('the others are cut', async () =>
        (await stage.metrics()).includes('\nconnectors_proxy_connections 22\n'),
      );
      await whole;
      assert.equal(received, 200_000_000);
      assert.match(await stage.metrics(), /connections_refused_total\{bound="memory"\} [1-9]/);
    } finally {
      await stage.stop();
    }
  });

  it('is bounded for long heads that are sent before the first is answered', async () => {
    const stage = await ProxyStage.start(manifests(tool));
    try {
      const client = await stage.client();
      const lines = [
        `GET ${tool.url()}/hang HTTP/1.1`,
        'Host: tool',
        `Proxy-Authorization: ${client.authorization}`,
        `X-A: ${'a'.repeat(25_000)}`,
      ];
      const socket = await client.raw();
      sockets.push(socket.resume());
      socket.write(`${lines.join('\r\n')}\r\n\r\n`.repeat(4));
      await eventually('it is closed', () => socket.closed);
    } finally {
      await stage.stop();
    }
  });
});
