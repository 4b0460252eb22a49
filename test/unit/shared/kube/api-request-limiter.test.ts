import assert from 'node:assert/strict';
import { apiRequestLimiter, driverItself } from '../../../../src/shared/kube/api-request-limiter.js';
import type { FairSemaphore } from '../../../../src/shared/limits/fair-semaphore.js';
import type { FlowKey } from '../../../../src/shared/limits/flow-key.js';
import { noLimitObserver } from '../../../../src/shared/limits/limit-observer.js';
import { neverAborted } from '../../../support/domain.js';

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const of = (namespace: string): FlowKey => ({ namespace, podUid: `${namespace}-1` });

describe('the gate of requests', () => {
  let gate: FairSemaphore;
  /** Who has a turn, in the order in which they got it, with what ends it. */
  let turns: { readonly namespace: string; readonly leave: () => void }[];
  const enter = (owner: FlowKey, times: number): void => {
    for (let time = 0; time < times; time += 1) {
      void gate.acquire(owner, neverAborted).then((leave) => turns.push({ namespace: owner.namespace, leave }));
    }
  };
  const countOf = (namespace: string): number => turns.filter((turn) => turn.namespace === namespace).length;
  beforeEach(() => {
    gate = apiRequestLimiter({ inFlight: 8, waiting: 100 }, noLimitObserver);
    turns = [];
  });

  it('leaves half of the turns to others, whoever asks how often', async () => {
    enter(of('evil'), 20);
    await settle();
    assert.equal(countOf('evil'), 4);
    enter(of('ci'), 3);
    await settle();
    assert.equal(countOf('ci'), 3);
  });

  it('bounds what the driver asks on its own account by the whole alone', async () => {
    enter(driverItself, 20);
    await settle();
    assert.equal(turns.length, 8);
  });

  it('hands a turn on to who may have one more, and comes to an end', async () => {
    enter(of('evil'), 20);
    enter(of('ci'), 20);
    await settle();
    for (let ended = 0; ended < 40; ended += 1) {
      assert.ok(turns.length > 0);
      turns.shift()?.leave();
      await settle();
      assert.ok(turns.length <= 8 && countOf('evil') <= 4 && countOf('ci') <= 4);
    }
    assert.deepEqual([turns.length, gate.running + gate.waiting], [0, 0]);
  });
});
