import assert from 'node:assert/strict';
import { AccessRequestWatchQuota } from '../../../../src/driver/approval/access-request-watch-quota.js';

const ownerOf = (namespace: string, podUid: string) => ({ namespace, podUid });
const requests = (count: number) => Array.from({ length: count }, (_, n) => ({ namespace: 'tools', name: `r${n}` }));

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
    watches.reserve(requests(10), ownerOf('greedy', 'a'));
    assert.throws(() => watches.reserve(requests(1), ownerOf('greedy', 'a')), {
      code: 'RESOURCE_EXHAUSTED',
      message: /^accessrequest tools\/r0 cannot be read: this pod uses 10 others already/,
    });
    watches.reserve(requests(7), ownerOf('greedy', 'b'));
    watches.reserve(requests(3), ownerOf('greedy', 'c'));
    assert.throws(
      () => watches.reserve(requests(1), ownerOf('greedy', 'd')),
      /the pods of namespace "greedy" use 20 others/,
    );
    assert.deepEqual(refused, ['watches pod greedy/a', 'watches namespace greedy/d']);
    watches.reserve(requests(5), ownerOf('other', 'e'));
  });

  it('are held by all calls that wait, each its own, and there again when they end', () => {
    const giveBack = watches.reserve(requests(5), ownerOf('ci', 'a'));
    watches.reserve(requests(5), ownerOf('ci', 'a'));
    assert.throws(() => watches.reserve(requests(1), ownerOf('ci', 'a')), { code: 'RESOURCE_EXHAUSTED' });
    giveBack();
    giveBack();
    watches.reserve(requests(5), ownerOf('ci', 'a'));
  });

  it('are taken by a volume for all of its requests or for none', () => {
    assert.throws(() => watches.reserve(requests(11), ownerOf('ci', 'a')), { code: 'RESOURCE_EXHAUSTED' });
    watches.reserve(requests(10), ownerOf('ci', 'a'));
  });

  it('are never more than there are', () => {
    for (let n = 0; n < 40; n += 1) watches.reserve(requests(1), ownerOf(`team-${n}`, `pod-${n}`));
    assert.throws(() => watches.reserve(requests(1), ownerOf('late', 'late')), {
      code: 'RESOURCE_EXHAUSTED',
      message: /^accessrequest tools\/r0 cannot be read: the pods of this node use 40 others already/,
    });
  });
});
