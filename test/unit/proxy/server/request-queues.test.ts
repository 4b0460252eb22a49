import assert from 'node:assert/strict';
import { once } from 'node:events';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { proxyLimits } from '../../../../src/proxy/limits.ts';
import { RequestQueues } from '../../../../src/proxy/server/request-queues.ts';
import type { QueuedRequest } from '../../../../src/proxy/server/request-queues.ts';

const { requests: maxRequests, requestHeaderBytes: maxBytes } = proxyLimits.pipeline;

describe('the requests of a connection', () => {
  let queues: RequestQueues;
  let socket: Socket;
  beforeEach(() => {
    queues = new RequestQueues();
    socket = new Socket();
  });

  /** Adds a request with so many bytes of headers. */
  const enter = (bytes = 1, of = socket): QueuedRequest | undefined => {
    const request = new IncomingMessage(of);
    request.url = '/'.repeat(bytes);
    return queues.add(request);
  };
  const entered = (bytes?: number, of?: Socket): QueuedRequest => {
    const queued = enter(bytes, of);
    assert.ok(queued !== undefined);
    return queued;
  };

  it('run one after the other, in the order in which they came', async () => {
    const [first, second, third] = [entered(), entered(), entered()];
    assert.deepEqual(
      [first, second, third].map(({ turn }) => turn !== undefined),
      [false, true, true],
    );
    const started: string[] = [];
    const others = [
      second.turn?.then(() => started.push('second')),
      third.turn?.then(() => started.push('third')),
    ] as const;
    first.end();
    await others[0];
    assert.deepEqual(started, ['second']);
    second.end();
    await others[1];
    assert.deepEqual(started, ['second', 'third']);
    assert.equal(queues.isEmpty(socket), false);
    third.end();
    assert.equal(queues.isEmpty(socket), true);
  });

  it('do not wait for those that are over, nor for those of other connections', () => {
    const first = entered();
    assert.equal(entered(1, new Socket()).turn, undefined);
    first.end();
    assert.equal(entered().turn, undefined);
  });

  it(`are ${maxRequests} at most`, () => {
    const first = entered();
    for (let count = 2; count <= maxRequests; count += 1) entered();
    first.end();
    const last = entered();
    assert.equal(enter(), undefined);
    // Rejected ones do not count.
    last.end();
    entered();
  });

  it(`have ${maxBytes} bytes of headers at most, except one alone`, () => {
    const large = entered(maxBytes + 1);
    assert.equal(enter(), undefined);
    large.end();
    socket = new Socket();
    const half = entered(maxBytes / 2);
    entered(maxBytes / 2);
    half.end();
    entered(maxBytes / 2);
    assert.equal(enter(), undefined);
  });

  for (const [isInFlight, what] of [
    [true, 'are aborted when the connection closes'],
    [false, 'are not aborted once they are over'],
  ] as const) {
    it(what, async () => {
      const queued = entered();
      if (!isInFlight) queued.end();
      const closed = once(socket, 'close');
      socket.destroy();
      await closed;
      assert.equal(queued.clientGone.aborted, isInFlight);
    });
  }
});
