import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { HealthServer } from '../../../src/process/health-server.js';
import { keptLog } from '../../support/log-lines.js';
import { eventually } from '../../support/poll.js';

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
    server = new HealthServer({
      address: { host: '127.0.0.1', port: 0 },
      metrics: { text: () => metricsText(), contentType: 'text/plain; version=0.0.4' },
      unhealthyReason: () => unhealthy,
      notReadyReason: () => notReady,
      log,
    });
    port = await server.start();
  });
  afterEach(() => server.stop());

  async function get(path: string, method = 'GET'): Promise<[number, string]> {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method });
    return [response.status, await response.text()];
  }

  /** The status line of the answer to a request line that no client library would send. */
  async function raw(requestLine: string): Promise<string> {
    const socket = connect(port, '127.0.0.1');
    socket.end(`${requestLine}\r\nhost: x\r\nconnection: close\r\n\r\n`);
    let answer = '';
    socket.setEncoding('latin1').on('data', (text: string) => (answer += text));
    await once(socket, 'close');
    return answer.split('\r\n', 1)[0] ?? '';
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

  it('answers HEAD without a body, and nothing else than GET', async () => {
    assert.deepEqual(await get('/healthz', 'HEAD'), [200, '']);
    assert.deepEqual((await get('/healthz', 'POST'))[0], 405);
    assert.deepEqual((await get('/other'))[0], 404);
  });

  for (const target of ['//', '//host:x/', 'http://[', '*', '/%zz']) {
    it(`answers the odd request target ${target} without an error in the log`, async () => {
      assert.match(await raw(`GET ${target} HTTP/1.1`), /^HTTP\/1\.1 404 /);
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
      log,
    });
    await assert.rejects(second.start(), {
      code: 'FAILED_PRECONDITION',
      message: `cannot listen on --http-address 127.0.0.1:${port}`,
    });
  });

  it('answers though others hold more connections than it keeps, of which the oldest go', async () => {
    const idle = Array.from({ length: 100 }, () => connect(port, '127.0.0.1'));
    for (const socket of idle) socket.on('error', () => undefined).resume();
    try {
      await Promise.all(idle.map((socket) => once(socket, 'connect')));
      assert.deepEqual(await get('/healthz'), [200, 'ok\n']);
      const isClosed = (): boolean[] => idle.map((socket) => socket.closed);
      await eventually('the oldest are closed', () => isClosed().slice(0, 36).every(Boolean));
      assert.deepEqual(isClosed().slice(40), Array<boolean>(60).fill(false));
    } finally {
      for (const socket of idle) socket.destroy();
    }
  });

  it('takes no connection after it stopped', async () => {
    server.stop();
    await assert.rejects(get('/healthz'));
  });
});
