import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { proxyLimits } from '../../../src/proxy/limits.ts';
import { ThreadShares } from '../../../src/proxy/thread-shares.ts';
import { ToolHandshakes } from '../../../src/proxy/tool/tool-handshakes.ts';
import type { Trust } from '../../../src/proxy/tool/trust.ts';
import { slowChain } from '../../support/proxy/attacks/slow-chain.ts';
import type { ChainOptions } from '../../support/proxy/attacks/slow-chain.ts';
import { portOf } from '../../support/proxy/proxy-fixture.ts';
import { toolAuthority } from '../../support/proxy/tool-server.ts';
import { eventually } from '../../support/poll.ts';
import { started } from '../../support/started.ts';

const { unfinished, namespaceShare, patienceMs, slowMs, certificates, rsaBits, rsaExponent } =
  proxyLimits.toolHandshakes;
const { burst, everyMs, longestMs } = proxyLimits.thread;
const trust: Trust = { id: 'test', context: tls.createSecureContext({ ca: toolAuthority.certificate }) };

describe('a TLS handshake with a tool', () => {
  let nowMs: number;
  /** How often a share has asked for the time. */
  let asked: number;
  let threads: ThreadShares;
  let handshakes: ToolHandshakes;

  beforeEach(() => {
    nowMs = 0;
    asked = 0;
    threads = new ThreadShares(() => {
      asked += 1;
      return nowMs;
    });
    handshakes = new ToolHandshakes(threads);
  });

  async function toolWith(options: tls.TlsOptions): Promise<number> {
    const server = started(tls.createServer(options, (socket) => void socket.on('error', () => undefined).resume()));
    server.on('tlsClientError', () => undefined);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return portOf(server);
  }

  async function run(port: number, namespace = 'ci'): Promise<tls.TLSSocket> {
    const socket = net.connect(port, '127.0.0.1').on('error', () => undefined);
    started({ stop: () => socket.destroy() });
    await once(socket, 'connect');
    const owner = { chosenBy: 'connector', namespace, holder: 'tool' } as const;
    return handshakes.run(socket, 'tool.example', owner, trust, tls.connect);
  }

  /** @returns the milliseconds of the thread that a handshake with such certificates has cost its namespace. */
  async function costOf(chain: ChainOptions): Promise<number> {
    const port = await toolWith(slowChain(chain));
    await assert.rejects(run(port), { code: /CERT_|ERR_TLS_|UNABLE_TO_/ });
    const share = threads.of('ci');
    let cost = 0;
    while (share.delayMs(burst - cost) > 0) cost += 1;
    return cost;
  }

  it('verifies the certificate, and costs a namespace nothing', async () => {
    const { certificate, key } = toolAuthority.issue({ commonName: 'tool', hosts: ['tool.example'] });
    const secure = await run(await toolWith({ cert: certificate, key }));
    assert.equal(secure.authorized, true);
    assert.equal(threads.of('ci').delayMs(burst), 0);
    const { certificate: other, key: otherKey } = toolAuthority.issue({ commonName: 'tool', hosts: ['other.example'] });
    await assert.rejects(run(await toolWith({ cert: other, key: otherKey })), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    assert.equal(threads.of('ci').delayMs(burst), 0);
  });

  const usual = { count: 3, rsaBits: 2048, exponent: 65_537n };
  for (const [what, chain, cost] of [
    ['usual certificates that nobody trusts', usual, 0],
    ['as many and as long ones as a tool can have', { count: certificates, rsaBits, exponent: rsaExponent }, 0],
    ['one certificate more', { ...usual, count: certificates + 1 }, slowMs],
    ['a longer key', { ...usual, rsaBits: rsaBits + 8 }, slowMs],
    ['a larger exponent', { ...usual, exponent: rsaExponent + 2n }, slowMs],
  ] as const) {
    it(`with ${what} costs a namespace ${cost} ms of the thread`, async () => {
      assert.equal(await costOf(chain), cost);
    });
  }

  it('is not begun for a namespace whose share is used up, and is for another one', async () => {
    const { certificate, key } = toolAuthority.issue({ commonName: 'tool', hosts: ['tool.example'] });
    const port = await toolWith({ cert: certificate, key });
    threads.of('hostile').charge(burst + longestMs / everyMs + 1);
    await assert.rejects(run(port, 'hostile'), { status: 429 });
    assert.ok(await run(port, 'ci'));
  });

  it('waits for a namespace whose share is used up for a moment', async () => {
    const { certificate, key } = toolAuthority.issue({ commonName: 'tool', hosts: ['tool.example'] });
    const port = await toolWith({ cert: certificate, key });
    threads.of('ci').charge(burst + 1);
    asked = 0;
    const secure = run(port);
    await Promise.race([secure, eventually('it finds the share used up', () => asked > 0)]);
    nowMs = 2 * everyMs;
    assert.ok(await secure);
  });

  it('of other namespaces has a turn although four namespaces have tools that say nothing', async () => {
    const silent = started(net.createServer((socket) => void socket.on('error', () => undefined)));
    await once(silent.listen(0, '127.0.0.1'), 'listening');
    const hostile = Array.from({ length: 1 / namespaceShare }, (_each, at) => `hostile-${at}`);
    for (const namespace of hostile) {
      for (let at = 0; at < unfinished; at += 1) run(portOf(silent), namespace).catch(() => undefined);
    }
    const { certificate, key } = toolAuthority.issue({ commonName: 'tool', hosts: ['tool.example'] });
    const port = await toolWith({ cert: certificate, key });
    for (let at = 0; at < 3; at += 1) assert.ok(await run(port));
  });

  it('may take long while another namespace waits for its own places only', async () => {
    const silent = started(net.createServer((socket) => void socket.on('error', () => undefined)));
    await once(silent.listen(0, '127.0.0.1'), 'listening');
    for (let at = 0; at < unfinished; at += 1) run(portOf(silent), 'hostile').catch(() => undefined);
    const { certificate, key } = toolAuthority.issue({ commonName: 'tool', hosts: ['tool.example'] });
    const port = await toolWith({ cert: certificate, key });
    const slow = started(net.createServer({ pauseOnConnect: true }));
    slow.on('connection', (socket: net.Socket) => {
      const begin = (): void => {
        const tool = net.connect(port, '127.0.0.1').on('error', () => undefined);
        socket.on('error', () => undefined).pipe(tool);
        tool.pipe(socket);
      };
      setTimeout(begin, 2 * patienceMs);
    });
    await once(slow.listen(0, '127.0.0.1'), 'listening');
    assert.ok(await run(portOf(slow)));
  });
});
