import assert from 'node:assert/strict';
import { PublishPermit } from '../../../../src/driver/publish/publish-admission.ts';
import type { PublishContext } from '../../../../src/driver/publish/ports.ts';
import { FairSemaphore } from '../../../../src/shared/limits/fair-semaphore.ts';
import { neverAborted } from '../../../support/domain.ts';

interface Gate {
  readonly passed: Promise<void>;
  readonly open: () => void;
}

function gate(): Gate {
  let open = (): void => undefined;
  const passed = new Promise<void>((resolve) => (open = resolve));
  return { passed, open };
}

/** Lets everything run that can; a place is handed on when the event loop has come round. */
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

/** Lets calls of one pod work. */
class Works {
  readonly slots: FairSemaphore;

  constructor(limit: number) {
    this.slots = new FairSemaphore({ permits: limit });
  }

  get queueLength(): number {
    return this.slots.waiting;
  }

  run<T>(signal: AbortSignal, work: (call: PublishContext) => Promise<T>, namespace = 'ci'): Promise<T> {
    return new PublishPermit({ namespace, podUid: 'a' }, signal, this.slots).runInSlot(signal, work);
  }
}

describe('PublishPermit', () => {
  it('begins the next one when the event loop has come round, so that many keep nothing else waiting', async () => {
    const limiter = new Works(1);
    const order: string[] = [];
    const runs = ['first', 'second', 'third'].map((name) =>
      limiter.run(neverAborted, () => {
        order.push(name);
        setImmediate(() => order.push('everything else'));
        return Promise.resolve();
      }),
    );
    await Promise.all(runs);
    assert.deepEqual(order, ['first', 'everything else', 'second', 'everything else', 'third']);
  });

  it('does not begin what is no longer wanted', async () => {
    await assert.rejects(
      new Works(1).run(AbortSignal.abort(), () => assert.fail('ran')),
      { code: 'CANCELLED' },
    );
  });

  it('gives a place up while its call idles, and takes one again afterwards', async () => {
    const limiter = new Works(1);
    const approval = gate();
    const other = gate();
    const events: string[] = [];
    const idling = limiter.run(neverAborted, async (call) => {
      events.push(await call.releaseSlotWhile(() => approval.passed.then(() => 'approved')));
      events.push('idler works');
    });
    const working = limiter.run(neverAborted, () => other.passed.then(() => events.push('other worked')));
    await settle();
    approval.open();
    await settle();
    assert.deepEqual([events, limiter.queueLength], [[], 1]);
    other.open();
    await Promise.all([idling, working]);
    assert.deepEqual(events, ['other worked', 'approved', 'idler works']);
  });

  for (const [what, outcome] of [
    ['succeeds', (): Promise<void> => Promise.resolve()],
    ['fails', (): Promise<void> => Promise.reject(new Error('rejected'))],
  ] as const) {
    it(`keeps to its bound when one call waits for several things at once and that ${what}`, async () => {
      const limiter = new Works(1);
      await limiter
        .run(neverAborted, (call) =>
          Promise.all([
            call.releaseSlotWhile(outcome),
            call.releaseSlotWhile(() => settle()),
            call.releaseSlotWhile(outcome),
          ]),
        )
        .catch(() => undefined);
      await settle();
      await settle();
      let running = 0;
      let most = 0;
      await Promise.all(
        Array.from({ length: 5 }, () =>
          limiter.run(neverAborted, async () => {
            most = Math.max(most, ++running);
            await settle();
            running -= 1;
          }),
        ),
      );
      assert.equal(most, 1);
    });
  }

  it('lets who has worked before go on before the other calls of its pod, but not before other namespaces', async () => {
    const works = new Works(1);
    const first = gate();
    const events: string[] = [];
    const resumed = works.run(neverAborted, async (call) => {
      await call.releaseSlotWhile(() => first.passed);
      events.push('resumed');
    });
    const blocker = gate();
    const working = works.run(neverAborted, () => blocker.passed, 'other');
    const others = [
      works.run(neverAborted, () => Promise.resolve(events.push('new')), 'ci'),
      works.run(neverAborted, () => Promise.resolve(events.push('other')), 'other'),
    ];
    first.open();
    await settle();
    blocker.open();
    await Promise.all([resumed, working, ...others]);
    assert.deepEqual(events, ['resumed', 'other', 'new']);
  });
});
