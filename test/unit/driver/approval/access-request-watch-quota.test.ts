import assert from 'node:assert/strict';
import { AccessRequestWatchQuota } from '../../../../src/driver/approval/approvals.ts';

const ownerOf = (namespace: string, podUid: string) => ({ namespace, podUid });

describe('the watches of pending AccessRequests', () => {
  let refused: string[];
  let watches: AccessRequestWatchQuota;
  beforeEach(() => {
    refused = [];
    watches = new AccessRequestWatchQuota(40, {
      rejected: (bound, refusal, pod) => void refused.push(`${bound} ${refusal} ${pod}`),
    });
  });

  it('are a quarter of what there is for one pod, and half for one namespace', () => {
    watches.acquire(10, ownerOf('greedy', 'a'));
    assert.throws(() => watches.acquire(1, ownerOf('greedy', 'a')), {
      code: 'RESOURCE_EXHAUSTED',
      message: /^1 more approvals cannot be watched: this pod waits for 10 on this node already/,
    });
    watches.acquire(7, ownerOf('greedy', 'b'));
    watches.acquire(3, ownerOf('greedy', 'c'));
    assert.throws(() => watches.acquire(1, ownerOf('greedy', 'd')), /this namespace waits for 20 on this node/);
    assert.deepEqual(refused, ['watches pod greedy/a', 'watches namespace greedy/d']);
    watches.acquire(5, ownerOf('other', 'e'));
  });

  it('are for all requests of a volume or for none, and there again when the call ends', () => {
    assert.throws(() => watches.acquire(11, ownerOf('ci', 'a')), { code: 'RESOURCE_EXHAUSTED' });
    const release = watches.acquire(10, ownerOf('ci', 'a'));
    assert.throws(() => watches.acquire(1, ownerOf('ci', 'a')), { code: 'RESOURCE_EXHAUSTED' });
    release();
    watches.acquire(10, ownerOf('ci', 'a'));
  });
});
