import assert from 'node:assert/strict';
import { formatDuration, parseGoDuration, parseGoDurationMs } from '../../../src/shared/duration.ts';

describe('Go durations', () => {
  for (const [text, nanoseconds] of [
    ['0', 0n],
    ['90s', 90_000_000_000n],
    ['1h30m', 5_400_000_000_000n],
    ['1.5h', 5_400_000_000_000n],
    ['-1m', -60_000_000_000n],
    ['+5ms', 5_000_000n],
    ['.5s', 500_000_000n],
    ['1.s', 1_000_000_000n],
    ['9223372036854775807ns', 9223372036854775807n],
    ['-9223372036854775808ns', -9223372036854775808n],
  ] as const) {
    it(`reads ${text}`, () => assert.equal(parseGoDuration(text), nanoseconds));
  }

  for (const text of ['', '-', '30', '1d', 's', '.s', '1h 30m', '9223372036854775808ns', '1e3s', 'ten']) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.equal(parseGoDuration(text), undefined));
  }

  it('refuses what nobody would write, before it takes time', () => {
    for (const text of ['0s'.repeat(500_000), `${'0'.repeat(1_000_000)}1s`, `1.${'0'.repeat(1_000_000)}s`]) {
      assert.equal(parseGoDuration(text), undefined);
    }
    assert.equal(parseGoDuration('0s'.repeat(100)), 0n);
  });

  it('gives milliseconds', () => assert.equal(parseGoDurationMs('1m0.5s'), 60_500));

  it('prints the units that it has', () => {
    assert.deepEqual([0, 250, 90_000, 5_400_000, 1_500].map(formatDuration), ['0s', '250ms', '1m30s', '1h30m', '1.5s']);
  });
});
