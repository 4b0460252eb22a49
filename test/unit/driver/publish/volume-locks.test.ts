import assert from 'node:assert/strict';
import { CodedError, throwIfAborted } from '../../../../src/shared/errors.ts';
import { VolumeLocks } from '../../../../src/driver/publish/volume-locks.ts';
import { neverAborted } from '../../../support/domain.ts';

/** Work that runs until it is told to stop, and gives way when its signal fires. */
function untilStopped(): { work: (signal: AbortSignal) => Promise<string>; stop: () => void } {
  let stop = (): void => undefined;
  const stopped = new Promise<void>((resolve) => (stop = resolve));
  const work = async (signal: AbortSignal): Promise<string> => {
    await Promise.race([stopped, new Promise((resolve) => signal.addEventListener('abort', resolve))]);
    throwIfAborted(signal);
    return 'done';
  };
  return { work, stop };
}

describe('VolumeLocks', () => {
  it('refuses a second call that shares a key, until the first has ended', async () => {
    const locks = new VolumeLocks();
    const first = untilStopped();
    const running = locks.exclusively(['id', 'path'], neverAborted, first.work);
    for (const keys of [
      ['id', 'other'],
      ['other', 'path'],
    ]) {
      await assert.rejects(locks.exclusively(keys, neverAborted, first.work), { code: 'ABORTED' });
    }
    assert.equal(await locks.exclusively(['other'], neverAborted, () => Promise.resolve('beside')), 'beside');
    assert.deepEqual(
      [['id', 'other'], ['other', 'path'], ['other']].map((keys) => locks.isFree(keys)),
      [false, false, true],
    );
    first.stop();
    assert.equal(await running, 'done');
    assert.equal(locks.isFree(['id', 'path']), true);
    assert.equal(await locks.exclusively(['id', 'path'], neverAborted, () => Promise.resolve('next')), 'next');
  });

  it('takes a volume from what yields, and only once that has let go', async () => {
    const locks = new VolumeLocks();
    const order: string[] = [];
    const own = locks.yieldingly(['id', 'path'], neverAborted, async (signal) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      await new Promise((resolve) => setImmediate(resolve));
      order.push('let go');
      throwIfAborted(signal);
    });
    const asked = locks.exclusively(['path'], neverAborted, () => Promise.resolve(order.push('asked')));
    await assert.rejects(own, { code: 'ABORTED', message: 'the kubelet calls for the volume itself' });
    await asked;
    assert.deepEqual(order, ['let go', 'asked']);
  });

  it('does not let what yields begin while a call runs', async () => {
    const locks = new VolumeLocks();
    const first = untilStopped();
    const running = locks.exclusively(['id'], neverAborted, first.work);
    await assert.rejects(
      locks.yieldingly(['id'], neverAborted, () => assert.fail('begun')),
      { code: 'ABORTED' },
    );
    first.stop();
    await running;
  });

  it('does not begin what is no longer wanted', async () => {
    await assert.rejects(
      new VolumeLocks().exclusively(['id'], AbortSignal.abort(), () => assert.fail('begun')),
      { code: 'CANCELLED' },
    );
  });

  it('ends what still waits for a call that has failed', async () => {
    const waits: Promise<string>[] = [];
    const failed = new VolumeLocks().exclusively(['id'], neverAborted, (signal) => {
      waits.push(untilStopped().work(signal));
      return Promise.reject(new Error('no'));
    });
    await assert.rejects(failed, /no/);
    await assert.rejects(waits[0]!, { code: 'CANCELLED' });
  });

  it('never runs an unpublish while the publish still works', async () => {
    const locks = new VolumeLocks();
    let isPublishing = true;
    const publish = locks.exclusively(['id'], neverAborted, async (signal) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      await new Promise((resolve) => setImmediate(resolve));
      isPublishing = false;
    });
    const wasPublishing = await locks.preemptively(['id'], neverAborted, () => Promise.resolve(isPublishing));
    assert.equal(wasPublishing, false);
    await publish;
  });

  it('lets an unpublish that gave up waiting go, with the reason', async () => {
    const locks = new VolumeLocks();
    const controller = new AbortController();
    let finish = (): void => undefined;
    const publish = locks.exclusively(['id'], neverAborted, () => new Promise<void>((resolve) => (finish = resolve)));
    const unpublish = locks.preemptively(['id'], controller.signal, () => assert.fail('ran'));
    controller.abort(new CodedError('DEADLINE_EXCEEDED', 'late'));
    finish();
    await assert.rejects(unpublish, { code: 'DEADLINE_EXCEEDED' });
    await publish;
  });
});
