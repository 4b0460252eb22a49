import assert from 'node:assert/strict';
import { runWithTimeout } from '../../../src/process/run-with-timeout.js';

const longMs = 60_000;

describe('brief work', () => {
  it('gives what it gives', () => {
    const result = {};
    assert.equal(
      runWithTimeout(() => result, longMs),
      result,
    );
  });

  it('throws what it throws', () => {
    const mistake = new TypeError('a mistake');
    assert.throws(
      () =>
        runWithTimeout(() => {
          throw mistake;
        }, longMs),
      (error) => error === mistake,
    );
  });

  for (const [what, work] of Object.entries({
    'an endless loop': () => {
      for (;;);
    },
    'one that catches everything': () => {
      for (;;) {
        try {
          for (;;);
        } catch {
          continue;
        } finally {
          for (;;);
        }
      }
    },
    'a pattern that backtracks': () => ({ found: /^(a+)+$/.test(`${'a'.repeat(60)}b`) }),
    'an endless sort': () =>
      Array.from({ length: 10_000 }, () => 0).sort(() => {
        for (;;);
      }),
  } satisfies Record<string, () => object>)) {
    it(`is cut off: ${what}`, () => {
      assert.equal(runWithTimeout<object>(work, 5), undefined);
    });
  }

  it('is not cut off by what was cut off before', () => {
    for (let round = 0; round < 20; round++) {
      runWithTimeout<object>(() => {
        for (;;);
      }, 1);
      assert.deepEqual(
        runWithTimeout(() => ({ round }), longMs),
        { round },
      );
    }
  });
});
