import assert from 'node:assert/strict';
import type { ClientIdentity } from '../../../../src/proxy/auth/client-identity.js';
import { CachingTokenVerifier } from '../../../../src/proxy/auth/caching-token-verifier.js';
import { Secret } from '../../../../src/shared/secret.js';
import { audience, tokenFor } from '../../../support/driver/tokens.js';
import type { TokenOptions } from '../../../support/driver/tokens.js';

const pod = { namespace: 'ci', name: 'build-1', uid: 'uid-1', serviceAccountName: 'builder' };
const user = 'system:serviceaccount:ci:builder';
/** More than any cache of verdicts holds. */
const flood = 25_000;

describe('the cache of verdicts on tokens', () => {
  let asked: number;
  let nowMs: number;
  let tokens: CachingTokenVerifier;
  let signal: AbortSignal;
  const good = new Secret(tokenFor(pod));

  beforeEach(() => {
    asked = 0;
    nowMs = 0;
    signal = new AbortController().signal;
    const caller: ClientIdentity = {
      user,
      uid: undefined,
      groups: [],
      extra: {},
      pod,
      expiresAtMs: Date.now() + 3_600_000,
    };
    tokens = new CachingTokenVerifier({
      verifier: {
        verify: (token) => {
          asked += 1;
          return Promise.resolve(token === good ? caller : undefined);
        },
      },
      audience,
      clock: { now: Date.now },
      monotonicNow: () => nowMs,
    });
  });

  const verify = async (token: Secret): Promise<ClientIdentity | undefined> => tokens.verify(token, '10.0.0.1', signal);
  const floodWith = async (options?: TokenOptions): Promise<void> => {
    const token = tokenFor(pod, options);
    for (let made = 0; made < flood; made += 1) {
      assert.equal(await verify(new Secret(`${token}${made}`)), undefined);
    }
  };

  it('keeps those on valid ones while tokens come by the thousand that their own claims make invalid', async () => {
    assert.equal((await verify(good))?.user, user);
    await floodWith({ expiresIn: -10 });
    await floodWith({ audience: 'somebody-else' });
    assert.equal(await verify(new Secret('none')), undefined);
    assert.equal((await verify(good))?.user, user);
    assert.equal(asked, 1);
  });

  it('keeps those on valid ones while forged tokens come by the thousand', async () => {
    assert.equal((await verify(good))?.user, user);
    await floodWith();
    assert.equal((await verify(good))?.user, user);
    assert.equal(asked, 1 + flood);
  });

  it('keeps those on valid ones for a minute, and none on invalid ones', async () => {
    const forged = new Secret(tokenFor(pod));
    for (const [atMs, expected] of [
      [0, 2],
      [59_999, 3],
      [60_000, 5],
    ] as const) {
      nowMs = atMs;
      assert.equal((await verify(good))?.user, user);
      assert.equal(await verify(forged), undefined);
      assert.equal(asked, expected, String(atMs));
    }
  });
});
