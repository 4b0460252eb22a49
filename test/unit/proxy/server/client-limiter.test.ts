import assert from 'node:assert/strict';
import { ClientLimiter } from '../../../../src/proxy/server/client-limiter.js';
import { ProxyError } from '../../../../src/proxy/proxy-error.js';

const ref = { namespace: 'ci', name: 'tool' };

describe('the limits of a Connector for each pod', () => {
  let nowMs: number;
  let limiter: ClientLimiter;
  beforeEach(() => {
    nowMs = 0;
    limiter = new ClientLimiter(() => nowMs);
  });
  const failure = (enter: () => unknown): ProxyError => {
    try {
      enter();
    } catch (error) {
      assert.ok(error instanceof ProxyError);
      return error;
    }
    return assert.fail('it was permitted');
  };

  it('are a rate, which says when to try again', () => {
    const limits = { perSecond: 0.5, concurrent: undefined };
    limiter.acquire(ref, limits, 'a');
    const { status, kind, headers, message } = failure(() => limiter.acquire(ref, limits, 'a'));
    assert.deepEqual([status, kind, headers['Retry-After']], [429, 'rate_limited', '2']);
    assert.match(
      message,
      /^connector ci\/tool permits 0\.5 requests of a pod per second \(annotation \S+requests-per-second\)/,
    );
    nowMs = 2000;
    limiter.acquire(ref, limits, 'a');
  });

  it('are requests in flight, until they end', () => {
    const limits = { perSecond: undefined, concurrent: 2 };
    const leave = limiter.acquire(ref, limits, 'a');
    limiter.acquire(ref, limits, 'a');
    assert.match(failure(() => limiter.acquire(ref, limits, 'a')).message, /permits 2 requests of a pod at once/);
    leave();
    limiter.acquire(ref, limits, 'a');
  });

  it('are those of each pod and Connector alone, and follow a change', () => {
    const limits = { perSecond: 1, concurrent: 1 };
    limiter.acquire(ref, limits, 'a');
    limiter.acquire(ref, limits, 'b');
    limiter.acquire({ ...ref, name: 'other' }, limits, 'a');
    failure(() => limiter.acquire(ref, limits, 'a'));
    limiter.acquire(ref, { perSecond: 10, concurrent: 5 }, 'a');
  });
});
