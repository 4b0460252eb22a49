import assert from 'node:assert/strict';
import { onceAborted } from '../../src/abortable.js';

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
