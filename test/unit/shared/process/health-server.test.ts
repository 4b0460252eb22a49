import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { HealthServer } from '../../../../src/shared/process/health-server.ts';
import { keptLog } from '../../../support/log-lines.ts';
import { eventually } from '../../../support/poll.ts';
import { started } from '../../../support/started.ts';

const limits = {
  connections: 16,
  requestHeaderBytes: 1024,
  connectionMs: 60_000,
  metricsMs: 60_000,
};

describe('HealthServer', () => {
  const { log, lines } = keptLog();
  let unhealthy: string | undefined;
  let notReady: string | undefined;
  let metricsText: () => Promise<string>;
  let server: HealthServer;
  let port: number;

  beforeEach(async () => {
    unhealthy = undefined;
    notReady = undefined;
    metricsText = () => Promise.resolve('up 1\n');
    lines.length = 0;
    server = started(
      new HealthServer({
        address: { host: '127.0.0.1', port: 0 },
        metrics: { text: () => metricsText(), contentType: 'text/plain; version=0.0.4' },
        unhealthyReason: () => unhealthy,
        notReadyReason: () => notReady,
        limits,
        log,
      }),
    );
    port = await server.start();
  });

  async function get(path: string, method = 'GET'): Promise<[number, string]> {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method });
    return [response.status, await response.text()];
  }

  it('says that the driver is well and ready', async () => {
    assert.deepEqual(await get('/healthz'), [200, 'ok\n']);
    assert.deepEqual(await get('/readyz?verbose'), [200, 'ok\n']);
  });

  it('says why it is not', async () => {
    unhealthy = 'stuck';
    notReady = 'mounting is not allowed';
    assert.deepEqual(await get('/healthz'), [503, 'stuck\n']);
    assert.deepEqual(await get('/readyz'), [503, 'mounting is not allowed\n']);
  });

  it('gives the metrics with their content type', async () => {
    const response = await fetch(`http://127.0.0.1:${port}/metrics`);
    assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4');
    assert.equal(await response.text(), 'up 1\n');
  });

  it('answers only GET', async () => {
    for (const method of ['HEAD', 'POST']) assert.deepEqual((await get('/healthz', method))[0], 405);
    assert.deepEqual((await get('/other'))[0], 404);
  });

  for (const bytes of [
    'CONNECT x:443 HTTP/1.1\r\n\r\n',
    `CONNECT x:443 HTTP/1.1\r\nContent-Length: 9\r\n\r\n${'x'.repeat(100_000)}`,
    'CONNECT x:443 HTTP/1.1\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n'.repeat(20),
    'POST / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nGET / HTTP/1.1\r\n\r\n',
  ]) {
    it(`answers 405 and goes on: ${JSON.stringify(bytes.slice(0, 60))}`, async () => {
      const answer = await answerTo(bytes);
      assert.match(answer, /^HTTP\/1\.1 405 [^]*\r\nAllow: GET\r\n[^]*\r\n\r\nonly GET is allowed\n$/);
      assert.deepEqual(await get('/healthz'), [200, 'ok\n']);
      assert.deepEqual(lines, []);
    });
  }

  it('goes on when clients leave in the middle of anything', async () => {
    for (const bytes of [
      'GET / HTTP/1.1\r\n',
      'CONNECT x:443 HTTP/1.1\r\n\r\n',
      'GET /metrics HTTP/1.1\r\n\r\n',
      'no HTTP',
    ]) {
      const socket = connect(port, '127.0.0.1').on('error', () => undefined);
      await new Promise((resolve) => socket.write(bytes, resolve));
      socket.resetAndDestroy();
    }
    assert.deepEqual(await get('/healthz'), [200, 'ok\n']);
    assert.deepEqual(lines, []);
  });

  for (const target of ['//', '//host:x/', 'http://[', '*', '/%zz']) {
    it(`answers the odd request target ${target} without an error in the log`, async () => {
      assert.match(await answerTo(`GET ${target} HTTP/1.1\r\n\r\n`), /^HTTP\/1\.1 404 /);
      assert.deepEqual(lines, []);
    });
  }

  it('logs an answer that fails and goes on', async () => {
    metricsText = () => Promise.reject(new Error('no metrics'));
    await assert.rejects(get('/metrics'));
    assert.equal(lines.length, 1);
    assert.match(lines[0]!, /no metrics/);
    assert.deepEqual(await get('/healthz'), [200, 'ok\n']);
  });

  it('refuses to start on a port that is taken', async () => {
    const second = new HealthServer({
      address: { host: '127.0.0.1', port },
      metrics: { text: () => Promise.resolve(''), contentType: '' },
      unhealthyReason: () => undefined,
      notReadyReason: () => undefined,
      limits,
      log,
    });
    await assert.rejects(second.start(), {
      code: 'FAILED_PRECONDITION',
      message: `cannot listen on --http-address 127.0.0.1:${port}`,
    });
  });

  /** Connections that say nothing, from an address of the loopback network. */
  async function idleFrom(localAddress: string, count: number): Promise<Socket[]> {
    const idle = Array.from({ length: count }, () => connect({ port, host: '127.0.0.1', localAddress }));
    for (const socket of idle) socket.on('error', () => undefined).resume();
    await Promise.all(idle.map((socket) => once(socket, 'connect')));
    return idle;
  }

  it('closes the oldest connection at the limit, and responds to the next ones', async () => {
    const silent: Socket[] = [];
    try {
      for (let address = 2; address < 66; address += 1) silent.push(...(await idleFrom(`127.0.0.${address}`, 2)));
      assert.deepEqual(await get('/healthz'), [200, 'ok\n']);
      const isOpen = (socket: Socket): boolean => !socket.closed;
      await eventually('the older ones are closed', () => silent.filter(isOpen).length < 16);
      assert.ok(silent.slice(-15).every(isOpen));
    } finally {
      for (const socket of silent) socket.destroy();
    }
  });

  /** All that the server says to these bytes, until it ends the connection. */
  async function answerTo(bytes: string | Buffer): Promise<string> {
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    let answer = '';
    socket.setEncoding('latin1').on('data', (text: string) => (answer += text));
    socket.write(bytes);
    // A client that sends more than a request can get a reset after the response.
    await new Promise((resolve) => socket.once('close', resolve));
    return answer;
  }

  it('answers one request of a connection, whatever comes after it, and ends the connection', async () => {
    let made = 0;
    metricsText = () => Promise.resolve(`made ${++made}\n`);
    const answer = await answerTo('GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(20));
    assert.equal(answer.split('HTTP/1.1').length - 1, 1);
    assert.match(answer, /^HTTP\/1\.1 200 OK\r\n[^]*\r\nConnection: close\r\n([^]*\r\n)?\r\nmade 1\n$/);
    await answerTo(`GET /healthz HTTP/1.1\r\n\r\n${'x'.repeat(1_000_000)}`);
    assert.deepEqual(lines, []);
  });

  it('makes the metrics once for all who ask at the same time, and not again for a while', async () => {
    let made = 0;
    metricsText = () => Promise.resolve(`made ${++made}\n`);
    const answers = await Promise.all(Array.from({ length: 10 }, () => get('/metrics')));
    assert.deepEqual(new Set(answers.map(([, text]) => text)), new Set(['made 1\n']));
    assert.deepEqual(await get('/metrics'), [200, 'made 1\n']);
  });

  it('takes a request that comes in pieces', async () => {
    const socket = connect(port, '127.0.0.1').setNoDelay();
    const closed = once(socket, 'close');
    let answer = '';
    socket.setEncoding('latin1').on('data', (text: string) => (answer += text));
    for (const byte of 'GET /healthz HTTP/1.0\r\n\r\n') {
      socket.write(byte);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await closed;
    assert.match(answer, /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nok\n$/);
  });

  for (const [what, bytes, status] of [
    ['with more header fields than it reads', `GET / HTTP/1.1\r\n${'a: b\r\n'.repeat(1000)}\r\n`, 431],
    ['with a line longer than it reads', `GET /${'x'.repeat(5000)}`, 431],
    ['of another protocol', `EHLO x\r\n\r\n`, 400],
    ['of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
  ] as const) {
    it(`turns a request ${what} away`, async () => {
      assert.match(await answerTo(bytes), new RegExp(`^HTTP/1\\.1 ${status} `));
    });
  }

  it('does not wait long for a request, nor for whoever does not take its answer', async () => {
    server.stop();
    server = started(
      new HealthServer({
        address: { host: '127.0.0.1', port: 0 },
        metrics: { text: () => Promise.resolve('x'.repeat(50_000_000)), contentType: '' },
        unhealthyReason: () => undefined,
        notReadyReason: () => undefined,
        limits: { ...limits, connectionMs: 50 },
        log,
      }),
    );
    port = await server.start();
    await answerTo('GET /healthz HTTP/1.1\r\n');
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    socket.write('GET /metrics HTTP/1.1\r\n\r\n');
    await once(socket, 'connect');
    await new Promise((resolve) => setTimeout(resolve, 200));
    let received = 0;
    socket.on('data', (bytes: Buffer) => (received += bytes.length));
    await once(socket, 'close');
    assert.ok(received < 50_000_000);
  });

  it('takes no connection after it stopped', async () => {
    server.stop();
    await assert.rejects(get('/healthz'));
  });
});
