import assert from 'node:assert/strict';
import { subjectAccessReviewAuthorizer } from '../../../../src/proxy/auth/kubernetes-authorizer.ts';
import type { ClientIdentity } from '../../../../src/proxy/auth/ports.ts';
import { FailureRateLimiter } from '../../../../src/proxy/failure-rate-limiter.ts';
import type { Permission } from '../../../../src/shared/access/permission.ts';

const account = { namespace: 'ci', name: 'builder' };
const client: ClientIdentity = {
  user: 'system:serviceaccount:ci:builder',
  account,
  identity: { uid: '', groups: [], extra: {} },
  pod: { namespace: 'ci', name: 'build-1', uid: 'uid-1' },
  expiresAtMs: Number.MAX_SAFE_INTEGER,
};
const permission: Permission = {
  account,
  verb: 'get',
  resource: 'connectors',
  connector: { namespace: 'ci', name: 'harbor' },
};

describe('the authorizer of clients', () => {
  it('counts requests that need the same review once', async () => {
    let reviews = 0;
    let end = (): void => undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));
    const reviewer = {
      known: () => undefined,
      isAnyAllowed: async (): Promise<boolean> => {
        reviews += 1;
        await ended;
        return true;
      },
    };
    // The clock stands still, so a second token never comes.
    const limiter = new FailureRateLimiter({ burst: 1, everyMs: 2_000, longestMs: 1_000 }, () => 0);
    const authorizer = subjectAccessReviewAuthorizer(reviewer, limiter, () => true);
    const signal = new AbortController().signal;
    const ask = async (): Promise<boolean> => authorizer.isAnyAllowed(client, [permission], signal);
    const answers = Promise.all(Array.from({ length: 200 }, ask));
    end();
    assert.deepEqual(new Set(await answers), new Set([true]));
    assert.equal(reviews, 1);
  });
});
