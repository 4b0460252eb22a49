import assert from 'node:assert/strict';
import koffi from 'koffi';
import { loadMallocTrim, trimAfterCalls } from '../../../../src/driver/host/malloc-trim.ts';
import { memoryBytes } from '../../../../src/shared/process/program-metrics.ts';
import { eventually } from '../../../support/poll.ts';

describe('trimming what the C library keeps', () => {
  let trims: number;
  let calls: number;
  let looks: number;
  let stop: () => void;
  beforeEach(() => {
    [trims, calls, looks] = [0, 0, 0];
    stop = trimAfterCalls(
      () => (trims += 1),
      () => {
        looks += 1;
        return calls;
      },
      1,
    );
  });
  afterEach(() => stop());

  const aFewLooks = async (): Promise<void> => {
    const before = looks;
    await eventually('a few looks', () => looks > before + 3);
  };

  it('happens once after the start, and once after calls', async () => {
    await aFewLooks();
    assert.equal(trims, 1);
    calls += 3;
    await aFewLooks();
    assert.equal(trims, 2);
  });

  it('does not happen after it was stopped', async () => {
    await aFewLooks();
    stop();
    calls += 1;
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(trims, 1);
  });

  it('returns memory that was freed to the kernel', () => {
    const library = koffi.load(null);
    const malloc = library.func('void *malloc(size_t)') as (bytes: number) => unknown;
    const memset = library.func('void *memset(void *, int, size_t)') as (
      at: unknown,
      byte: number,
      bytes: number,
    ) => void;
    const free = library.func('void free(void *)') as (at: unknown) => void;
    // Below what malloc maps for each piece, and one more on top that keeps the heap from shrinking by itself.
    const pieces = Array.from({ length: 512 }, () => malloc(64 << 10));
    for (const piece of pieces) memset(piece, 1, 64 << 10);
    const top = malloc(64 << 10);
    const before = memoryBytes('RssAnon');
    for (const piece of pieces) free(piece);
    loadMallocTrim()();
    const returned = before - memoryBytes('RssAnon');
    free(top);
    assert.ok(returned > 16 << 20, `${returned} bytes`);
  });
});
