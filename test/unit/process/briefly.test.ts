import assert from 'node:assert/strict';
import { briefly } from '../../../src/process/briefly.js';

const longMs = 60_000;

describe('brief work', () => {
  it('gives what it gives', () => {
    const result = {};
    assert.equal(
      briefly(() => result, longMs),
      result,
    );
  });

  it('throws what it throws', () => {
    const mistake = new TypeError('a mistake');
    assert.throws(
      () =>
        briefly(() => {
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
      assert.equal(briefly<object>(work, 5), undefined);
    });
  }

  it('is not cut off by what was cut off before', () => {
    for (let round = 0; round < 20; round++) {
      briefly<object>(() => {
        for (;;);
      }, 1);
      assert.deepEqual(
        briefly(() => ({ round }), longMs),
        { round },
      );
    }
  });
});
