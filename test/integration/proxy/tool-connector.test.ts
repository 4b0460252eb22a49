import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type Socket } from 'node:net';
import { proxyLimits } from '../../../src/proxy/limits.ts';
import { parseDirectHosts } from '../../../src/proxy/tool/direct-hosts.ts';
import { EgressProxy } from '../../../src/proxy/tool/egress-proxy.ts';
import { ThreadShares } from '../../../src/proxy/thread-shares.ts';
import { ownerOfConnector } from '../../../src/proxy/tool/resolver.ts';
import type { Resolver } from '../../../src/proxy/tool/resolver.ts';
import { ToolConnector } from '../../../src/proxy/tool/tool-connector.ts';
import { ToolSockets } from '../../../src/proxy/tool/tool-sockets.ts';
import { TrustStoreCache, systemRoots } from '../../../src/proxy/tool/trust.ts';
import { eventually } from '../../support/poll.ts';
import { portOf } from '../../support/proxy/proxy-fixture.ts';
import { started } from '../../support/started.ts';

describe('a connection through an egress proxy that is silent', () => {
  const owner = ownerOfConnector({ namespace: 'ci', name: 'tool' });
  const accepted: Socket[] = [];
  let sockets: ToolSockets;

  async function connector(connectMs: number): Promise<ToolConnector> {
    const company = started(
      net.createServer((socket) => void accepted.push(socket.on('error', () => undefined).resume())),
    );
    await once(company.listen(0, '127.0.0.1'), 'listening');
    const egress = new EgressProxy({
      origin: { scheme: 'http', host: '127.0.0.1', port: portOf(company) },
      isDirect: parseDirectHosts(''),
      directory: undefined,
      trustStores: new TrustStoreCache(systemRoots()),
    });
    sockets = new ToolSockets({ ...proxyLimits.toolSockets, total: 2 });
    const resolver = { ensureNotBlocked: () => undefined } as unknown as Resolver;
    return new ToolConnector({ resolver, sockets, threads: new ThreadShares(() => 0), egress, connectMs });
  }

  afterEach(() => {
    for (const socket of accepted.splice(0)) socket.destroy();
  });

  it('fails in time', async () => {
    const { opened } = (await connector(50)).open('tool.example', 443, owner);
    await assert.rejects(opened, { status: 504, message: /^no connection to egress proxy 127\.0\.0\.1:\d+ in time$/ });
    await eventually('it is closed', () => sockets.used === 0 && accepted.every((socket) => socket.closed));
  });

  it('counts as the connection of its namespace, until its owner closes it', async () => {
    const open = await connector(60_000);
    const openings = [open.open('tool.example', 443, owner)];
    assert.equal(sockets.used, 1);
    assert.throws(() => open.open('tool.example', 443, owner), { status: 503 });
    for (const { socket } of openings) socket.destroy();
    await Promise.allSettled(openings.map(({ opened }) => opened));
    assert.equal(sockets.used, 0);
    await eventually('it is closed', () => accepted.every((socket) => socket.closed));
  });
});
