import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { ClientMemory } from '../../../../src/proxy/port/client-memory.js';
import { eventually } from '../../../support/poll.js';

const costs = { connection: 1, tls: 10, exchange: 10, blocked: 100, unread: 50 };

/** A connection as far as it is looked at. */
class Connection extends EventEmitter {
  bytesRead = 0;
  destroyed = false;
  readonly remoteAddress: string;

  constructor(remoteAddress: string) {
    super();
    this.remoteAddress = remoteAddress;
  }

  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }

  get socket(): Socket {
    return this as unknown as Socket;
  }
}

describe('ClientMemory', () => {
  let residentBytes = 0;
  let memory: ClientMemory;
  const connect = (address: string): Connection => {
    const connection = new Connection(address);
    memory.add(connection.socket);
    return connection;
  };

  beforeEach(() => {
    memory = new ClientMemory({
      ...{ capacityBytes: 250, costs, lookMs: 1, growthBytes: 1000, fewConnections: 2 },
      residentBytes: () => residentBytes,
    });
  });

  it('closes the connection of the largest holder that has been without a move for longest', () => {
    const other = connect('10.0.0.1');
    memory.serves(other.socket);
    const [first, second, third] = [connect('10.0.0.2'), connect('10.0.0.2'), connect('10.0.0.2')];
    const goesOn = memory.blocked(first.socket);
    memory.blocked(second.socket);
    goesOn();
    memory.blocked(first.socket);
    assert.equal(memory.closed, 0);
    memory.blocked(third.socket);
    assert.deepEqual(
      [other, first, second, third].map(({ destroyed }) => destroyed),
      [false, false, true, false],
    );
    assert.equal(memory.closed, 1);
    assert.equal(memory.bytes, 3 * costs.connection + costs.exchange + 2 * costs.blocked);
  });

  it('takes back what is over, once, and all of a connection that closes', () => {
    const connection = connect('10.0.0.1');
    const plain = new Connection('10.0.0.1');
    memory.secures(connection.socket);
    memory.speaksIn(connection.socket, plain.socket);
    const forget = memory.arrived(plain.socket, 20);
    const end = memory.serves(plain.socket);
    assert.equal(memory.bytes, costs.connection + costs.tls + 40 + costs.exchange);
    for (const call of [forget, end, end]) call();
    assert.equal(memory.bytes, costs.connection + costs.tls);
    const late = memory.blocked(plain.socket);
    connection.destroy();
    late();
    assert.equal(memory.bytes, 0);
    assert.equal(memory.closed, 0);
  });

  it('finds what has come of heads when the process has grown', async () => {
    const all = Array.from({ length: 6 }, () => connect('10.0.0.2'));
    const other = connect('10.0.0.1');
    for (const connection of all) connection.bytesRead = 45;
    assert.equal(memory.closed, 0);
    residentBytes += 1000;
    await eventually('there is room again', () => memory.closed === 1);
    assert.equal(all[0]?.destroyed, true);
    assert.equal(other.destroyed, false);
    assert.equal(memory.bytes, 6 * costs.connection + 5 * 45);
    for (const connection of [...all, other]) connection.destroy();
  });

  it('counts a head anew with each request', async () => {
    const [connection, ...others] = [connect('10.0.0.2'), connect('10.0.0.2'), connect('10.0.0.2')];
    connection.bytesRead = 40;
    residentBytes += 1000;
    await eventually('it is seen', () => memory.bytes === 3 * costs.connection + 40);
    memory.arrived(connection.socket, 0)();
    assert.equal(memory.bytes, 3 * costs.connection);
    for (const each of [connection, ...others]) each.destroy();
  });
});
