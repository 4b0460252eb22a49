import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import { proxyLimits } from '../../../../src/proxy/limits.js';
import { ConnectionPool } from '../../../../src/proxy/tool/connection-pool.js';
import type { PoolClient } from '../../../../src/proxy/tool/connection-pool.js';
import { ToolConnection } from '../../../../src/proxy/tool/tool-connection.js';
import { ToolSockets } from '../../../../src/proxy/tool/tool-sockets.js';
import { eventually } from '../../../support/poll.js';

const { opening } = proxyLimits.toolSockets;

/** A request that only records what happens to it. */
class RecordedRequest implements PoolClient {
  connection: ToolConnection | undefined;
  error: Error | undefined;
  leave: (() => void) | undefined;

  start(connection: ToolConnection): void {
    this.connection = connection;
  }

  wait(leave: () => void): void {
    this.leave = leave;
  }

  destroy(error: Error): void {
    this.error = error;
  }
}

describe('connections to one tool', () => {
  let pool: ConnectionPool;
  let opened: ToolConnection[];
  let sockets: ToolSockets;

  beforeEach(() => {
    sockets = new ToolSockets({ total: 1000, idle: 1000, namespaceShare: 1 });
    pool = new ConnectionPool(sockets);
    opened = [];
  });

  afterEach(() => {
    for (const { socket } of opened) socket.destroy();
    pool.close();
  });

  const open = (): ToolConnection => {
    const connection = new ToolConnection(new Socket());
    sockets.add(connection.socket, 'ci');
    opened.push(connection);
    return connection;
  };
  const request = (): RecordedRequest => {
    const made = new RecordedRequest();
    pool.assign('tool', made, open);
    return made;
  };
  const requests = (count: number): readonly RecordedRequest[] => Array.from({ length: count }, request);
  const started = (all: readonly RecordedRequest[]): number =>
    all.filter(({ connection }) => connection !== undefined).length;

  it('are opened a few at a time', () => {
    const all = requests(opening + 2);
    assert.equal(opened.length, opening);
    assert.equal(started(all), opening);
    opened[0]?.socket.emit('connect');
    assert.equal(opened.length, opening + 1);
    assert.equal(started(all), opening + 1);
  });

  it('go to a waiting request once the request before is complete', async () => {
    const [first] = requests(opening);
    const [waiting] = requests(1);
    assert.ok(first?.connection !== undefined);
    first.connection.onIdle?.();
    await eventually('it has started', () => waiting?.connection !== undefined);
    assert.equal(waiting?.connection, first.connection);
    assert.equal(opened.length, opening);
  });

  it('that are closed do not go to a waiting request, and let another one be opened', async () => {
    const [first] = requests(opening);
    const [waiting] = requests(1);
    assert.ok(first?.connection !== undefined);
    first.connection.onIdle?.();
    first.connection.socket.destroy();
    await eventually('it has started', () => waiting?.connection !== undefined);
    assert.notEqual(waiting?.connection, first.connection);
    assert.equal(opened.length, opening + 1);
  });

  it('are not opened for a request that has ended', () => {
    requests(opening);
    const [waiting] = requests(1);
    waiting?.leave?.();
    opened[0]?.socket.emit('connect');
    assert.equal(opened.length, opening);
    assert.equal(waiting?.connection, undefined);
  });

  it('are opened for a request that has waited for long, however many are being opened', async () => {
    requests(opening);
    const waiting = requests(3);
    await eventually('all have started', () => started(waiting) === 3);
    assert.equal(opened.length, opening + 3);
  });

  it('that cannot be opened for a waiting request end it', () => {
    requests(opening);
    const waiting = new RecordedRequest();
    pool.assign('tool', waiting, () => {
      throw new Error('too many connections');
    });
    opened[0]?.socket.emit('connect');
    assert.equal(waiting.error?.message, 'too many connections');
  });
});
