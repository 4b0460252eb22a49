import assert from 'node:assert/strict';
import { FairQueue } from '../../../../src/shared/limits/fair-queue.ts';

const all = (): boolean => true;

/** Takes out everything, each item costing its owner `cost`. */
function drain(queue: FairQueue<string>, cost: (item: string) => number = () => 1): string {
  const order: string[] = [];
  for (let item = queue.dequeue(all); item !== undefined; item = queue.dequeue(all)) {
    order.push(item);
    queue.charge([item.charAt(0), item.charAt(1)], cost(item));
  }
  return order.join(' ');
}

function queueOf(...items: readonly string[]): FairQueue<string> {
  const queue = new FairQueue<string>();
  for (const item of items) queue.add([item.charAt(0), item.charAt(1)], item);
  return queue;
}

describe('a fair queue', () => {
  it('gives turns to each share alike, and within one in order', () => {
    assert.equal(drain(queueOf('ax1', 'ax2', 'ax3', 'bx1', 'bx2')), 'ax1 bx1 ax2 bx2 ax3');
  });

  it('gives more turns to whose turns cost less', () => {
    const cost = (item: string): number => (item.startsWith('a') ? 3 : 1);
    assert.equal(drain(queueOf('ax1', 'ax2', 'bx1', 'bx2', 'bx3', 'bx4'), cost), 'ax1 bx1 bx2 bx3 ax2 bx4');
  });

  it('shares within a share', () => {
    assert.equal(drain(queueOf('ax1', 'ax2', 'ay1', 'bx1')), 'ax1 bx1 ay1 ax2');
  });

  it('passes over those who may have no turn now', () => {
    const queue = queueOf('ax1', 'bx1');
    assert.equal(
      queue.dequeue((name) => name !== 'a'),
      'bx1',
    );
    assert.equal(
      queue.dequeue((name) => name !== 'a'),
      undefined,
    );
    assert.equal(queue.length, 1);
  });

  it('lets nobody save up turns by not asking', () => {
    const queue = queueOf('ax1', 'ax2', 'ax3', 'ax4');
    queue.add(['b', 'x'], 'bx0');
    assert.equal(queue.dequeue(all), 'ax1');
    queue.charge(['a', 'x'], 10);
    assert.equal(queue.dequeue(all), 'bx0');
    assert.equal(queue.dequeue(all), 'ax2');
    queue.charge(['a', 'x'], 10);
    for (const item of ['bx1', 'bx2', 'bx3']) queue.add(['b', 'x'], item);
    assert.equal(queue.dequeue(all), 'bx1');
    queue.charge(['b', 'x'], 20);
    assert.equal(queue.dequeue(all), 'ax3');
  });

  it('takes out who no longer waits', () => {
    const queue = queueOf('ax1', 'ax2');
    queue.remove(['a', 'x'], 'ax1');
    queue.remove(['a', 'x'], 'ax1');
    assert.equal(queue.waitingIn(['a']), 1);
    assert.equal(queue.waitingIn(['c']), 0);
    assert.equal(drain(queue), 'ax2');
  });
});
