import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import { ConnectionLimiter } from '../../../../src/proxy/server/connection-limiter.ts';

describe('ConnectionLimiter', () => {
  const accept = (limiter: ConnectionLimiter, holder?: string): Socket => {
    const socket = new Socket();
    assert(limiter.acquire(socket));
    if (holder !== undefined) limiter.retain(socket, holder);
    return socket;
  };

  it('closes the oldest connection without a request of the holder that has most', () => {
    const limiter = new ConnectionLimiter(4);
    const other = accept(limiter, 'namespace other');
    const [first, second, third] = ['a', 'a', 'a'].map((name) => accept(limiter, `namespace ${name}`));
    for (const socket of [other, second, third]) if (socket !== undefined) limiter.release(socket);
    accept(limiter);
    assert.deepEqual(
      [other, first, second, third].map((socket) => socket?.destroyed),
      [false, false, true, false],
    );
    assert.equal(limiter.used, 4);
  });

  it('closes a connection once its request has ended, although it was found busy before', () => {
    const limiter = new ConnectionLimiter(1);
    const busy = accept(limiter, 'namespace a');
    const rejected = new Socket();
    assert(!limiter.acquire(rejected));
    assert.deepEqual([busy.destroyed, rejected.destroyed], [false, true]);
    limiter.release(busy);
    accept(limiter);
    assert(busy.destroyed);
    assert.deepEqual([limiter.used, limiter.rejected], [1, 2]);
  });

  it('knows the holder of a connection: its address, then the namespace of its last request', () => {
    const limiter = new ConnectionLimiter(1);
    const socket = accept(limiter);
    assert.equal(limiter.holderOf(socket), 'address ');
    limiter.retain(socket, 'namespace a');
    limiter.release(socket);
    assert.equal(limiter.holderOf(socket), 'namespace a');
  });
});
