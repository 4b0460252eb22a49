import assert from 'node:assert/strict';
import { IdleTimeoutMonitor } from '../../../../src/proxy/tool/idle-timeout-monitor.ts';
import { eventually } from '../../../support/poll.ts';

const idleMs = 1000;

describe('the idle timeout of transfers', () => {
  let nowMs: number;
  let monitor: IdleTimeoutMonitor;
  let ended: string[];
  let removals: Map<string, () => void>;
  /** Bytes of transfers that go on. */
  let moved: Map<string, number>;
  beforeEach(() => {
    nowMs = 0;
    monitor = new IdleTimeoutMonitor(() => nowMs, 1);
    ended = [];
    removals = new Map();
    moved = new Map();
  });
  afterEach(() => {
    for (const remove of removals.values()) remove();
  });

  function add(...names: readonly string[]): void {
    for (const name of names) {
      const remove = monitor.add({
        movedBytes: () => moved.get(name) ?? 0,
        idleTimeoutMs: () => idleMs,
        onStalled: () => {
          ended.push(name);
          // As the owner of a transfer does.
          removals.get(name)?.();
        },
      });
      removals.set(name, remove);
    }
  }

  const all = ['a', 'b', 'c', 'd', 'e'];
  for (const name of all) {
    it(`ends all but one that is removed: ${name}`, async () => {
      add(...all);
      removals.get(name)!();
      nowMs = idleMs;
      await eventually(
        () => `all others end: ${ended.join()}`,
        () => ended.length === 4,
      );
      assert.deepEqual(
        ended.sort(),
        all.filter((each) => each !== name),
      );
    });
  }

  it('removes each only once, in any order, and no other for it', async () => {
    add(...all);
    for (const name of ['b', 'a', 'b', 'd', 'a']) removals.get(name)!();
    add('f');
    removals.get('d')!();
    nowMs = idleMs;
    await eventually(
      () => `the others end: ${ended.join()}`,
      () => ended.length === 3,
    );
    assert.deepEqual(ended.sort(), ['c', 'e', 'f']);
  });

  it('ends none that moves bytes', async () => {
    add(...all);
    moved.set('c', 1);
    nowMs = idleMs;
    await eventually(
      () => `the others end: ${ended.join()}`,
      () => ended.length === 4,
    );
    assert.deepEqual(ended.sort(), ['a', 'b', 'd', 'e']);
  });
});
