import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import type { Socket } from 'node:net';
import { eventually } from '../../support/poll.ts';
import type { ProxyClient } from '../../support/proxy/proxy-client.ts';
import { headOf } from '../../support/proxy/proxy-client.ts';
import { ProxyFixture, toolWithLogin } from '../../support/proxy/proxy-fixture.ts';
import { ToolServer } from '../../support/proxy/tool-server.ts';
import { started } from '../../support/started.ts';

const megabyte = 2 ** 20;

describe('streaming through the proxy', () => {
  let tool: ToolServer;
  let fixture: ProxyFixture;
  let client: ProxyClient;

  beforeEach(async () => {
    tool = started(await ToolServer.start('http'));
    fixture = started(
      await ProxyFixture.start(toolWithLogin(tool.url()), {
        flags: ['--idle-timeout', '2s', '--response-header-timeout', '2s'],
      }),
    );
    client = await fixture.client();
  });

  const head = (method: string, ...lines: readonly string[]): string =>
    [
      `${method} ${tool.url()}/ HTTP/1.1`,
      'Host: tool.example',
      `Proxy-Authorization: ${client.authorization}`,
      ...lines,
      '\r\n',
    ].join('\r\n');

  it('holds the tool back when the client does not read', async () => {
    let sent = 0;
    tool.answer = (_request, response) => {
      const block = Buffer.alloc(megabyte);
      const more = (): void => {
        while (sent < 200 && response.write(block)) sent += 1;
        if (sent < 200) response.once('drain', more);
        sent += 1;
      };
      more();
    };
    const socket = await client.raw();
    socket.pause();
    socket.write(head('GET'));
    let before = -1;
    await eventually('the tool has stopped sending', async () => {
      const isSame = sent === before && sent > 0;
      before = sent;
      await new Promise((resolve) => setTimeout(resolve, 200));
      return isSame;
    });
    assert.ok(sent < 50, `${sent} MiB are on their way`);
    socket.destroy();
  });

  it('holds the client back when the tool does not read', async () => {
    tool.answer = (request) => void request.pause();
    tool.server.removeAllListeners('request');
    tool.server.on('request', () => undefined);
    const socket = await client.raw();
    socket.write(head('PUT', `Content-Length: ${200 * megabyte}`));
    let sent = 0;
    const block = Buffer.alloc(megabyte);
    const more = (): void => {
      while (sent < 200 && socket.write(block)) sent += 1;
      sent += 1;
    };
    socket.on('drain', more);
    more();
    let before = -1;
    await eventually('the client has stopped sending', async () => {
      const isSame = sent === before;
      before = sent;
      await new Promise((resolve) => setTimeout(resolve, 200));
      return isSame;
    });
    assert.ok(sent < 50, `${sent} MiB are on their way`);
    socket.destroy();
  });

  for (const framing of ['chunked', 'of a known length'] as const) {
    it(`passes bodies of small and large chunks unchanged both ways, ${framing}`, async () => {
      const chunks = Array.from({ length: 400 }, (_, at) => Buffer.alloc(at % 7 === 0 ? 9000 + at : 1 + (at % 90), at));
      const content = Buffer.concat(chunks);
      const digest = createHash('sha256').update(content).digest('hex');
      const lengthOf = framing === 'chunked' ? {} : { 'content-length': String(content.length) };
      const received = createHash('sha256');
      tool.answer = (request, response) => {
        request.on('data', (chunk: Buffer) => received.update(chunk));
        request.on('end', () => {
          response.writeHead(200, lengthOf);
          for (const chunk of chunks) response.write(chunk);
          response.end();
        });
      };
      const sent = http.request({
        ...{ port: client.port, path: tool.url(), method: 'PUT' },
        headers: { 'proxy-authorization': client.authorization, ...lengthOf },
      });
      for (const chunk of chunks) sent.write(chunk);
      sent.end();
      const [response] = (await once(sent, 'response')) as [http.IncomingMessage];
      const answer = createHash('sha256');
      response.on('data', (chunk: Buffer) => answer.update(chunk));
      await once(response, 'end');
      assert.equal(received.digest('hex'), digest, 'what the tool received');
      assert.equal(answer.digest('hex'), digest, 'what the client received');
    });
  }

  it('passes chunked bodies and trailers both ways', async () => {
    tool.answer = (request, response) => {
      request.resume().on('end', () => {
        response.writeHead(200, { trailer: 'x-digest' });
        response.write('a');
        response.addTrailers({ 'x-digest': 'down' });
        response.end();
      });
    };
    const sent = http.request({
      port: client.port,
      path: tool.url(),
      method: 'POST',
      headers: { 'proxy-authorization': client.authorization, trailer: 'x-sum, authorization', te: 'trailers' },
    });
    sent.write('one');
    sent.write('two');
    sent.addTrailers({
      ...{ 'x-sum': 'up', authorization: 'Basic forged' },
      ...{ 'X-HTTP-Method-Override': 'DELETE', X_Original_URL: '/admin', Destination: '/admin' },
    });
    sent.end();
    const [response] = (await once(sent, 'response')) as [http.IncomingMessage];
    response.resume();
    await once(response, 'end');
    assert.deepEqual(response.rawTrailers, ['x-digest', 'down']);
    assert.equal(tool.seen[0]?.body, 'onetwo');
    assert.deepEqual(tool.seen[0].rawTrailers, ['x-sum', 'up']);
    assert.equal(tool.seen[0].headers['te'], 'trailers');
  });

  it('tells the client to go on when the tool does, and not before', async () => {
    let goOn = (): void => undefined;
    tool.server.on('checkContinue', (request: http.IncomingMessage, response: http.ServerResponse) => {
      goOn = () => {
        response.writeContinue();
        tool.server.emit('request', request, response);
      };
    });
    tool.answer = (request, response) => void request.resume().on('end', () => response.end('done'));
    const socket = await client.raw();
    socket.write(head('PUT', 'Content-Length: 4', 'Expect: 100-continue'));
    await eventually('the tool is asked', () => goOn.length === 0 && tool.connections === 1);
    await eventually('the tool has the request', () => {
      goOn();
      return tool.seen.length === 1;
    });
    assert.match(await headOf(socket), /^HTTP\/1\.1 100 /);
    socket.write('body');
    assert.match(await headOf(socket), /^HTTP\/1\.1 200 /);
    assert.equal(tool.seen[0]?.body, 'body');
    socket.destroy();
  });

  it('passes a refusal in place of 100 Continue, without the body', async () => {
    tool.server.on('checkContinue', (_request: http.IncomingMessage, response: http.ServerResponse) => {
      response.writeHead(413, { connection: 'close' }).end('too large');
    });
    const socket = await client.raw();
    socket.write(head('PUT', `Content-Length: ${megabyte}`, 'Expect: 100-continue'));
    assert.match(await headOf(socket), /^HTTP\/1\.1 413 /);
    socket.destroy();
  });

  it('breaks an answer off where the tool breaks it off', async () => {
    tool.answer = (_request, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half', () => response.destroy());
    };
    await assert.rejects(client.get(tool.url()), /aborted|ECONNRESET|socket hang up/);
  });

  it('breaks the request to the tool off when the client leaves', async () => {
    let hasClosed = false;
    tool.answer = (request, response) => {
      response.once('close', () => (hasClosed = true));
      request.on('error', () => undefined);
    };
    const socket = await client.raw();
    socket.write(head('GET'));
    await eventually('the tool has the request', () => tool.seen.length === 1);
    socket.destroy();
    await eventually('the tool notices', () => hasClosed);
  });

  it('cuts a tool that does not answer, with 504', async () => {
    tool.answer = () => undefined;
    const answer = await client.get(tool.url());
    assert.equal(answer.status, 504);
  });

  it('cuts a client that does not go on with its body', async () => {
    tool.answer = (request) => void request.resume();
    const socket = await client.raw();
    socket.write(`${head('PUT', 'Content-Length: 100')}half`);
    socket.resume();
    await once(socket, 'close');
  });

  it('goes on with the same connection after a body that was refused', async () => {
    const socket = await client.raw();
    socket.write(`POST ${tool.url()}/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello`);
    assert.match(await headOf(socket), /^HTTP\/1\.1 407 /);
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    socket.write(head('GET'));
    await eventually('the next request is answered', () => text.includes('HTTP/1.1 200 '));
    socket.destroy();
  });

  it('lets other protocols through, with the credential in their request', async () => {
    tool.server.on('upgrade', (request: http.IncomingMessage, socket: Socket) => {
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSet-Cookie: session=1\r\nX-By: ${String(request.headers.authorization?.startsWith('Basic '))}\r\n\r\n`,
      );
      socket.pipe(socket);
    });
    const socket = await client.raw();
    socket.write(head('GET', 'Connection: Upgrade', 'Upgrade: websocket'));
    const answer = await headOf(socket);
    assert.match(answer, /^HTTP\/1\.1 101 .*X-By: true/s);
    assert.doesNotMatch(answer, /cookie/i);
    socket.write('ping');
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    assert.equal(chunk.toString(), 'ping');
    socket.destroy();
  });

  it('ends another protocol once its client has left, also with a tool that goes on sending and closes nothing', async () => {
    let ofTool: Socket | undefined;
    let sending: NodeJS.Timeout | undefined;
    tool.server.on('upgrade', (_request: http.IncomingMessage, socket: Socket) => {
      ofTool = socket.on('error', () => undefined);
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
      // Its end is not responded to, as the sockets of node:http stay half open.
      sending = setInterval(() => socket.write('more'), 50);
      socket.once('close', () => clearInterval(sending)).resume();
    });
    const socket = await client.raw();
    socket.write(head('GET', 'Connection: Upgrade', 'Upgrade: websocket'));
    await headOf(socket);
    socket.end();
    await once(ofTool ?? socket, 'end');
    socket.resetAndDestroy();
    await eventually('the connection to the tool is closed', () => ofTool?.closed === true, 10_000);
    clearInterval(sending);
  });

  it('takes an offer of HTTP/2 for the plain request that it is', async () => {
    const socket = await client.raw();
    socket.write(
      head('GET', 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__'),
    );
    assert.match(await headOf(socket), /^HTTP\/1\.1 200 /);
    assert.equal(tool.seen[0]?.headers.upgrade, undefined);
    socket.destroy();
  });

  it('passes the answer of a tool that does not change the protocol', async () => {
    const socket = await client.raw();
    socket.write(head('GET', 'Connection: Upgrade', 'Upgrade: websocket'));
    const answer = await headOf(socket);
    assert.match(answer, /^HTTP\/1\.1 200 /);
    socket.destroy();
  });
});
