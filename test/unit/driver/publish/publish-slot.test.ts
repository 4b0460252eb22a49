import assert from 'node:assert/strict';
import { PublishAdmission } from '../../../../src/driver/publish/publish-admission.ts';
import type { PublishSlot } from '../../../../src/driver/publish/ports.ts';
import { noLimitObserver } from '../../../../src/shared/limits/limit-observer.ts';
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
  readonly #admission: PublishAdmission;

  constructor(running: number) {
    this.#admission = new PublishAdmission({ inFlight: 100, perPod: 100, running }, noLimitObserver, () => 0);
  }

  get queueLength(): number {
    return this.#admission.queueLength;
  }

  run<T>(signal: AbortSignal, work: (slot: PublishSlot) => Promise<T>, namespace = 'ci'): Promise<T> {
    return this.#admission.runInSlot({ owner: { namespace, podUid: 'a' } }, signal, work);
  }
}

describe('the slot of a publish', () => {
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
    const idling = limiter.run(neverAborted, async (slot) => {
      events.push(await slot.releaseWhile(() => approval.passed.then(() => 'approved')));
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
        .run(neverAborted, (slot) =>
          Promise.all([slot.releaseWhile(outcome), slot.releaseWhile(() => settle()), slot.releaseWhile(outcome)]),
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
    const resumed = works.run(neverAborted, async (slot) => {
      await slot.releaseWhile(() => first.passed);
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
