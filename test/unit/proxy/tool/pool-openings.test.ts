import assert from 'node:assert/strict';
import net, { Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { PoolOpenings } from '../../../../src/proxy/tool/tool-client.ts';
import { connectionClosed } from '../../../../src/proxy/tool/tool-connection.ts';
import type { Opening, ToolConnection } from '../../../../src/proxy/tool/tool-connection.ts';
import { ToolSockets } from '../../../../src/proxy/tool/tool-sockets.ts';
import { proxyLimits } from '../../../../src/proxy/limits.ts';
import { started } from '../../../support/started.ts';

const { opening } = proxyLimits.toolSockets;
const owner = { chosenBy: 'connector', namespace: 'ci', holder: 'tool' } as const;

describe('connections of one pool that are being opened', () => {
  let port: number;
  let sockets: ToolSockets;
  let openings: PoolOpenings;
  /** Sockets that begin to connect when the test says so. */
  let opened: Socket[];
  let ready: ToolConnection[];

  beforeEach(async () => {
    const server = net.createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ({ port } = server.address() as AddressInfo);
    started({ stop: () => new Promise((resolve) => server.close(resolve)) });
    sockets = new ToolSockets({ ...proxyLimits.toolSockets });
    started({ stop: () => sockets.destroyAll() });
    openings = new PoolOpenings(sockets, 600_000);
    opened = [];
    ready = [];
  });

  const open = (): Opening => {
    const socket = new Socket().on('error', () => undefined);
    sockets.add(socket, owner.namespace);
    opened.push(socket);
    const connected = new Promise<Socket>((resolve, reject) => {
      socket.once('connect', () => resolve(socket)).once('close', () => reject(connectionClosed()));
    });
    return { socket, opened: connected };
  };
  const want = async (isNeeded = (): boolean => true): Promise<void> => {
    ready.push(await openings.connection('pool', owner, open, isNeeded));
  };
  /** Until all that can happen without a connection has. */
  const settled = async (): Promise<void> => {
    for (let turns = 0; turns < 20; turns += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  const connect = async (socket: Socket | undefined): Promise<void> => {
    assert.ok(socket);
    await once(socket.connect(port, '127.0.0.1'), 'connect');
  };

  it('are a few, and the next request takes one that becomes idle before', async () => {
    await want();
    await connect(opened[0]);
    const hanging = Array.from({ length: opening }, () => want());
    const late = want();
    await Promise.all(hanging);
    await settled();
    assert.equal(opened.length, 1 + opening);
    ready[0]?.onIdle?.();
    await late;
    assert.deepEqual([ready.at(-1) === ready[0], opened.length], [true, 1 + opening]);
  });

  it('let the next one be opened when one is open, or has failed', async () => {
    const all = Array.from({ length: opening + 2 }, () => want());
    await settled();
    await connect(opened[0]);
    opened[1]?.destroy();
    await Promise.all(all);
    assert.equal(new Set(ready).size, opening + 2);
  });

  it('delay no request for long, if none of them comes to an end', async () => {
    openings = new PoolOpenings(sockets);
    await Promise.all(Array.from({ length: opening + 3 }, () => want()));
    assert.equal(opened.length, opening + 3);
  });

  it('are not opened for a request that has ended meanwhile', async () => {
    const all = Array.from({ length: opening }, () => want());
    const late = want(() => false);
    await Promise.all(all);
    opened[0]?.destroy();
    await assert.rejects(late, { code: 'ECONNABORTED' });
    assert.equal(opened.length, opening);
  });
});
