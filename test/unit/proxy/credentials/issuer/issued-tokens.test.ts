import assert from 'node:assert/strict';
import { Secret } from '../../../../../src/shared/secret.ts';
import { IssuedTokens } from '../../../../../src/proxy/credentials/issuer/issued-tokens.ts';
import type { TokenSlot } from '../../../../../src/proxy/credentials/issuer/issued-tokens.ts';
import { TokenCache, cachedToken } from '../../../../../src/proxy/credentials/token-cache.ts';
import type { CachedToken } from '../../../../../src/proxy/credentials/token-cache.ts';

/** Settles requests by hand, and has one clock for both kinds of time. */
class Endpoint {
  nowMs = 1_000_000;
  readonly waiting: { resolve: (token: CachedToken) => void; reject: (error: Error) => void }[] = [];
  readonly cache = new TokenCache(8);
  readonly tokens = new IssuedTokens({
    cache: this.cache,
    clock: { now: () => this.nowMs },
    monotonicNow: () => this.nowMs,
  });
  count = 0;

  slot(key = 'a'): TokenSlot {
    const request = (): Promise<CachedToken> => {
      this.count += 1;
      return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
    };
    return { key, namespace: 'ci', request };
  }

  /** Ends the oldest request with a token of this life. */
  issue(value: string, lifeMs = 3_600_000): void {
    this.waiting.shift()?.resolve(cachedToken(new Secret(value), this.nowMs, this.nowMs + lifeMs));
  }

  fail(message: string): void {
    this.waiting.shift()?.reject(new Error(message));
  }

  async get(signal = new AbortController().signal): Promise<string> {
    return (await this.tokens.get(this.slot(), signal)).expose();
  }
}

describe('tokens of an issuer', () => {
  let endpoint: Endpoint;

  beforeEach(() => (endpoint = new Endpoint()));

  const first = async (lifeMs?: number): Promise<void> => {
    const asked = endpoint.get();
    endpoint.issue('first', lifeMs);
    assert.equal(await asked, 'first');
  };

  it('are requested once for all that wait, and cached', async () => {
    const asked = [endpoint.get(), endpoint.get(), endpoint.get()];
    endpoint.issue('first');
    assert.deepEqual(await Promise.all(asked), ['first', 'first', 'first']);
    assert.equal(await endpoint.get(), 'first');
    assert.equal(endpoint.count, 1);
  });

  it('are renewed after four fifths of their life, and the old one is used meanwhile', async () => {
    await first(3_600_000);
    endpoint.nowMs += 2_879_000;
    assert.equal(await endpoint.get(), 'first');
    assert.equal(endpoint.count, 1);
    endpoint.nowMs += 2_000;
    assert.equal(await endpoint.get(), 'first');
    assert.equal(await endpoint.get(), 'first');
    assert.equal(endpoint.count, 2);
    endpoint.issue('second');
    await new Promise(setImmediate);
    assert.equal(await endpoint.get(), 'second');
    assert.equal(endpoint.count, 2);
  });

  it('are used as long as they are valid while the endpoint is away, which is asked every 5 s', async () => {
    await first(3_600_000);
    endpoint.nowMs += 3_000_000;
    for (let at = 0; at < 10; at += 1) {
      assert.equal(await endpoint.get(), 'first');
      endpoint.fail('away');
      await new Promise(setImmediate);
    }
    assert.equal(endpoint.count, 2);
    endpoint.nowMs += 5_000;
    assert.equal(await endpoint.get(), 'first');
    assert.equal(endpoint.count, 3);
    endpoint.fail('away');
    await new Promise(setImmediate);
    endpoint.nowMs += 600_000;
    const late = endpoint.get();
    endpoint.fail('still away');
    await assert.rejects(late, /still away/);
  });

  it('are requested even if all clients leave, so that leaving does not flood the endpoint', async () => {
    for (let at = 0; at < 20; at += 1) {
      const client = new AbortController();
      const asked = endpoint.get(client.signal);
      client.abort();
      await assert.rejects(asked);
    }
    assert.equal(endpoint.count, 1);
    endpoint.issue('first');
    await new Promise(setImmediate);
    assert.equal(await endpoint.get(), 'first');
  });

  it('that fail are not requested again within 5 s: everybody gets the same failure', async () => {
    const asked = endpoint.get();
    endpoint.fail('refused');
    await assert.rejects(asked, /refused/);
    await assert.rejects(endpoint.get(), /refused/);
    assert.equal(endpoint.count, 1);
    endpoint.nowMs += 5_000;
    const again = endpoint.get();
    endpoint.issue('first');
    assert.equal(await again, 'first');
  });

  it('with a life of a second are given to those that waited, and the next request waits its turn', async () => {
    await first(1_000);
    endpoint.nowMs += 1_000;
    const client = new AbortController();
    const asked = endpoint.get(client.signal);
    await new Promise(setImmediate);
    assert.equal(endpoint.count, 1);
    client.abort();
    await assert.rejects(asked);
    endpoint.nowMs += 4_000;
    const again = endpoint.get();
    assert.equal(endpoint.count, 2);
    endpoint.issue('second');
    assert.equal(await again, 'second');
  });

  it('that a tool rejects are replaced once they are older than 5 s', async () => {
    const { signal } = new AbortController();
    await first();
    const rejected = new Secret('first');
    assert.equal(await endpoint.tokens.newer(endpoint.slot(), rejected, signal), undefined);
    assert.equal(endpoint.count, 1);
    endpoint.nowMs += 5_000;
    const newer = endpoint.tokens.newer(endpoint.slot(), rejected, signal);
    endpoint.issue('second');
    assert.equal((await newer)?.expose(), 'second');
    // Another request that had sent the first one.
    assert.equal((await endpoint.tokens.newer(endpoint.slot(), rejected, signal))?.expose(), 'second');
    assert.equal(endpoint.count, 2);
  });

  it('of one namespace do not evict those of another', async () => {
    const { signal } = new AbortController();
    const other = endpoint.tokens.get({ ...endpoint.slot('other'), namespace: 'other' }, signal);
    endpoint.issue('of other');
    await other;
    for (let at = 0; at < 20; at += 1) {
      const asked = endpoint.tokens.get(endpoint.slot(`many-${at}`), signal);
      endpoint.issue(`many-${at}`);
      await asked;
    }
    assert.equal(endpoint.cache.get('other')?.value.expose(), 'of other');
  });
});
