import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { RejectedSecrets } from '../../../../src/proxy/secrets/rejected-secrets.js';
import type { SecretObject, SecretSource } from '../../../../src/proxy/secrets/secret-source.js';
import { CodedError } from '../../../../src/shared/errors.js';
import { neverAborted } from '../../../support/domain.js';

const ref = { namespace: 'ci', name: 'login' };
const version = (): SecretObject => ({ ref, version: randomUUID(), type: 'Opaque', data: new Map() });

/** Counts how often a Secret is read again. */
class CountedSource implements SecretSource {
  current: SecretObject | undefined = version();
  expired = 0;
  failure: Error | undefined;

  get(): Promise<SecretObject | undefined> {
    return this.failure === undefined ? Promise.resolve(this.current) : Promise.reject(this.failure);
  }

  expire(): void {
    this.expired += 1;
  }

  labelledCas(): readonly SecretObject[] {
    return [];
  }
}

describe('a Secret that a tool has rejected', () => {
  let nowMs: number;
  let source: CountedSource;
  let rejected: RejectedSecrets;

  beforeEach(() => {
    nowMs = 1_000;
    source = new CountedSource();
    rejected = new RejectedSecrets(source, () => nowMs);
  });

  it('is read again at most once in five seconds while it stays the same', async () => {
    const secret = version();
    source.current = secret;
    for (let request = 0; request < 100; request += 1) {
      assert.equal(await rejected.newer(secret, neverAborted), undefined);
      rejected.expire(secret);
      nowMs += 100;
    }
    assert.equal(source.expired, 2);
  });

  it('is given as it is now to all requests that showed an older version', async () => {
    const older = version();
    const newer = version();
    source.current = newer;
    const found = await Promise.all([1, 2, 3].map(() => rejected.newer(older, neverAborted)));
    assert.deepEqual(found, [newer, newer, newer]);
    assert.equal(source.expired, 1);
    assert.equal(await rejected.newer(newer, neverAborted), undefined);
    assert.equal(source.expired, 2, 'each version by itself');
  });

  it('is not given where it is gone or cannot be read', async () => {
    source.current = undefined;
    assert.equal(await rejected.newer(version(), neverAborted), undefined);
    source.failure = new CodedError('UNAVAILABLE', 'the API server is away');
    assert.equal(await rejected.newer(version(), neverAborted), undefined);
    const aborted = AbortSignal.abort(new CodedError('CANCELLED', 'the client has left'));
    await assert.rejects(rejected.newer(version(), aborted), /the client has left/);
  });
});
