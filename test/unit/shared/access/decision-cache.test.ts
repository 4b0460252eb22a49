import assert from 'node:assert/strict';
import { DecisionCache } from '../../../../src/shared/access/decision-cache.ts';
import { limits } from '../../../../src/shared/limits/defaults.ts';

const { allowedTtlMs, deniedTtlMs } = limits.access;

describe('the cache of answers', () => {
  let monotonicMs: number;
  let cache: DecisionCache;
  const put = (key: string, isAllowed: boolean, agoMs = 0, namespace = 'ci'): void =>
    cache.put(key, isAllowed, monotonicMs - agoMs, namespace);
  const pass = (ms: number): void => void (monotonicMs += ms);

  beforeEach(() => {
    monotonicMs = 1000;
    cache = new DecisionCache(() => monotonicMs, limits.access);
  });

  it('keeps allowed answers longer than denied ones, counted from the question', () => {
    put('yes', true, 1);
    put('no', false, 1);
    assert.deepEqual([cache.get('yes'), cache.get('no'), cache.get('other')], [true, false, undefined]);
    pass(deniedTtlMs - 1);
    assert.deepEqual([cache.get('yes'), cache.get('no')], [true, undefined]);
    pass(allowedTtlMs - deniedTtlMs);
    assert.equal(cache.get('yes'), undefined);
    assert.equal(cache.hint('yes'), true);
  });

  it('keeps the answer to the later question, whichever comes first', () => {
    put('key', true);
    put('key', false, 1);
    assert.equal(cache.get('key'), true);
    put('key', false);
    assert.equal(cache.get('key'), false);
  });

  it('forgets the answers that were asked for first when there are too many', () => {
    for (let index = 0; index < 5000; index += 1) put(String(index), true);
    assert.deepEqual([cache.get('0'), cache.get('4999')], [undefined, true]);
    const kept = Array.from({ length: 5000 }, (_, index) => cache.get(String(index))).filter(Boolean).length;
    assert.equal(kept, 4096);
  });

  it("forgets nothing of another namespace's for any number of answers, allowed or denied", () => {
    for (const isAllowed of [true, false]) {
      put(`other-${isAllowed}`, isAllowed, 0, 'team-a');
      for (let index = 0; index < 5000; index += 1) put(`${index}-${isAllowed}`, isAllowed);
      assert.equal(cache.get(`other-${isAllowed}`), isAllowed);
    }
  });

  it('forgets nothing that is allowed for any number of answers that deny', () => {
    put('yes', true);
    for (let index = 0; index < 5000; index += 1) put(`no-${index}`, false);
    assert.deepEqual([cache.get('yes'), cache.get('no-0'), cache.get('no-4999')], [true, undefined, false]);
  });
});
