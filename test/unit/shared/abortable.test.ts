import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Deadline, onceAborted } from '../../../src/shared/abortable.ts';

describe('onceAborted', () => {
  it('calls each callback once, except the removed ones', () => {
    const controller = new AbortController();
    const called: string[] = [];
    const remove = ['a', 'b', 'c'].map((name) => onceAborted(controller.signal, () => called.push(name)));
    remove[1]?.();
    remove[1]?.();
    controller.abort();
    controller.abort();
    assert.deepEqual(called.sort(), ['a', 'c']);
  });

  it('does not call a callback that another one removes', () => {
    const controller = new AbortController();
    const called: string[] = [];
    const removeA = onceAborted(controller.signal, () => {
      called.push('a');
      removeB();
    });
    const removeB = onceAborted(controller.signal, () => {
      called.push('b');
      removeA();
    });
    controller.abort();
    assert.equal(called.length, 1);
  });
});

describe('a deadline', () => {
  const timeoutMs = 3_600_000;
  let outer: AbortController;
  let nowMs: number;
  let deadline: Deadline;
  const now = (): number => nowMs;
  beforeEach(() => {
    outer = new AbortController();
    nowMs = 1_000;
    deadline = Deadline.start(outer.signal, timeoutMs, now);
  });
  afterEach(() => deadline.done());

  it('aborts with the reason of the outer signal, which is no timeout', () => {
    const reason = new Error('the pod is gone');
    outer.abort(reason);
    assert.equal(deadline.signal.reason, reason);
    assert.equal(deadline.isOver, false);
    deadline.done();
    deadline = Deadline.start(outer.signal, timeoutMs, now);
    assert.equal(deadline.signal.reason, reason);
  });

  it('aborts after its timeout', async () => {
    const { signal } = deadline;
    const aborted = once(signal, 'abort');
    deadline.restart(1);
    await aborted;
    assert.equal(deadline.isOver, true);
    assert.equal(outer.signal.aborted, false);
  });

  it('has the time that its clock leaves, and all of it after a restart', () => {
    assert.equal(deadline.remainingMs, timeoutMs);
    nowMs += 600_000;
    assert.equal(deadline.remainingMs, timeoutMs - 600_000);
    deadline.restart(5_000);
    assert.equal(deadline.remainingMs, 5_000);
  });

  it('does not follow the outer signal once it is done', () => {
    deadline.done();
    outer.abort();
    assert.equal(deadline.signal.aborted, false);
  });
});
