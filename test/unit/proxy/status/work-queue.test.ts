import assert from 'node:assert/strict';
import { FairSemaphore } from '../../../../src/shared/limits/fair-semaphore.ts';
import { WorkQueue } from '../../../../src/proxy/status/work-queue.ts';
import type { NextRun } from '../../../../src/proxy/status/work-queue.ts';
import { eventually } from '../../../support/poll.ts';

describe('a queue of keys', () => {
  let runs: string[];
  let errors: string[];
  let run: (key: string, signal: AbortSignal) => Promise<NextRun>;
  let queue: WorkQueue;
  const count = (key: string): number => runs.filter((each) => each === key).length;

  beforeEach(() => {
    [runs, errors] = [[], []];
    run = () => Promise.resolve(undefined);
    queue = new WorkQueue({
      run: (key, signal) => {
        runs.push(key);
        return run(key, signal);
      },
      namespaceOf: (key) => key.split('/')[0]!,
      permits: new FairSemaphore({ permits: 4, namespaceShare: 1 / 2 }),
      retry: { firstMs: 1, longestMs: 10 },
      clock: { now: () => performance.now(), random: () => 1 },
      onError: (key, error) => void errors.push(`${key}: ${String(error)}`),
    });
  });
  afterEach(() => queue.clear());

  it('runs a key again after its interval, after a failure and after an error, and a forgotten one when it is added', async () => {
    const next: NextRun[] = [1, 'retry', undefined];
    run = () => (count('a/1') === 3 ? Promise.reject(new Error('unexpected')) : Promise.resolve(next.shift()));
    queue.add('a/1');
    await eventually('it is run', () => count('a/1') === 4);
    assert.deepEqual(errors, ['a/1: Error: unexpected']);
    queue.add('a/1');
    await eventually('it is run again', () => count('a/1') === 5);
  });

  it('runs a key once at a time, and again if it is added meanwhile', async () => {
    const ends: (() => void)[] = [];
    run = () => new Promise((resolve) => ends.push(() => resolve(undefined)));
    queue.add('a/1');
    await eventually('it runs', () => count('a/1') === 1);
    queue.add('a/1');
    queue.add('b/1');
    await eventually('the other one runs', () => count('b/1') === 1);
    assert.equal(count('a/1'), 1);
    ends[0]!();
    await eventually('it runs again', () => count('a/1') === 2);
  });

  it('prefers the earlier time of a key', async () => {
    queue.add('a/1', 3_600_000);
    queue.add('a/1', 1);
    queue.add('a/1', 3_600_000);
    await eventually('it is run', () => count('a/1') === 1);
  });

  it('leaves room for others while all keys of a namespace stall, and aborts them at the end', async () => {
    const aborted: string[] = [];
    run = (key, signal) =>
      key.startsWith('b/')
        ? Promise.resolve(undefined)
        : new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => {
              aborted.push(key);
              reject(new Error('aborted'));
            });
          });
    for (const key of ['a/1', 'a/2', 'a/3', 'b/1']) queue.add(key);
    await eventually('the other one is run', () => count('b/1') === 1);
    assert.deepEqual([...runs].sort(), ['a/1', 'a/2', 'b/1']);
    queue.clear();
    await eventually('they end', () => aborted.length === 2);
    assert.deepEqual(errors, []);
  });
});
