import assert from 'node:assert/strict';
import { AnswerCache, allowedForMs, deniedForMs } from '../../../src/access/answer-cache.js';
import { ManualClock } from '../../support/access/access-stage.js';

describe('the cache of answers', () => {
  let clock: ManualClock;
  let cache: AnswerCache;
  const put = (key: string, isAllowed: boolean, askedAtMs = clock.ms): void => cache.put(key, { isAllowed, askedAtMs });

  beforeEach(() => {
    clock = new ManualClock();
    cache = new AnswerCache(clock);
  });

  it('keeps allowed answers longer than denied ones, counted from the question', () => {
    put('yes', true, clock.ms - 1);
    put('no', false, clock.ms - 1);
    assert.deepEqual([cache.get('yes'), cache.get('no'), cache.get('other')], [true, false, undefined]);
    clock.ms += deniedForMs - 1;
    assert.deepEqual([cache.get('yes'), cache.get('no')], [true, undefined]);
    clock.ms += allowedForMs - deniedForMs;
    assert.equal(cache.get('yes'), undefined);
    assert.equal(cache.hint('yes'), true);
  });

  it('keeps the answer to the later question, whichever comes first', () => {
    put('key', true);
    put('key', false, clock.ms - 1);
    assert.equal(cache.get('key'), true);
    put('key', false);
    assert.equal(cache.get('key'), false);
  });

  it('trusts no answer from the future after the clock was set back', () => {
    put('key', true);
    clock.ms -= 1;
    assert.equal(cache.get('key'), undefined);
    put('key', false);
    assert.equal(cache.get('key'), false);
  });

  it('forgets the answers that were asked for first when there are too many', () => {
    for (let index = 0; index < 5000; index += 1) put(String(index), true);
    assert.deepEqual([cache.get('0'), cache.get('4999')], [undefined, true]);
    const kept = Array.from({ length: 5000 }, (_, index) => cache.get(String(index))).filter(Boolean).length;
    assert.equal(kept, 4096);
  });
});
