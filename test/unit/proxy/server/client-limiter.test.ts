import assert from 'node:assert/strict';
import { ClientLimiter } from '../../../../src/proxy/server/client-limiter.ts';
import { ProxyError } from '../../../../src/proxy/proxy-error.ts';

const ref = { namespace: 'ci', name: 'tool' };

describe('the limits of a Connector for each pod', () => {
  it('are those of each pod and Connector alone, and follow a change', () => {
    const limiter = new ClientLimiter(() => 0);
    const limits = { perSecond: 1, concurrent: 1 };
    limiter.acquire(ref, limits, 'a');
    limiter.acquire(ref, limits, 'b');
    limiter.acquire({ ...ref, name: 'other' }, limits, 'a');
    assert.throws(() => limiter.acquire(ref, limits, 'a'), ProxyError);
    limiter.acquire(ref, { perSecond: 10, concurrent: 5 }, 'a');
  });
});
