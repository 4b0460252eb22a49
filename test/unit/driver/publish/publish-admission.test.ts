import assert from 'node:assert/strict';
import { CodedError } from '../../../../src/shared/errors.ts';
import type { IncomingPublish } from '../../../../src/driver/publish/publish-admission.ts';
import { PublishAdmission } from '../../../../src/driver/publish/publish-admission.ts';
import { driverLimits } from '../../../../src/driver/limits.ts';
import { neverAborted } from '../../../support/domain.ts';

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A call that waits until it is ended, for a pod written as `NAMESPACE/UID`. */
class Waiter {
  readonly answered: Promise<string>;
  #end: () => void = () => undefined;
  /** OK, or the message of its failure; undefined while it waits. */
  outcome: string | undefined;

  constructor(admission: PublishAdmission, pod: string, acquireMemory?: IncomingPublish['acquireMemory']) {
    const done = new Promise<void>((resolve) => (this.#end = resolve));
    const publish = asking(pod, acquireMemory);
    this.answered = admission
      .run(publish, () =>
        admission.runInSlot(publish, neverAborted, (slot) => slot.releaseWhile(() => done).then(() => 'OK')),
      )
      .catch((error: unknown) => {
        assert.ok(error instanceof CodedError && error.code === 'RESOURCE_EXHAUSTED', String(error));
        return error.message;
      });
    void this.answered.then((outcome) => (this.outcome = outcome));
  }

  end(): Promise<string> {
    this.#end();
    return this.answered;
  }
}

function ended(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const fail = (): void => reject(signal.reason as Error);
    if (signal.aborted) fail();
    else signal.addEventListener('abort', fail);
  });
}

function asking(pod: string, acquireMemory: IncomingPublish['acquireMemory'] = () => () => undefined): IncomingPublish {
  const [namespace = '', podUid = ''] = pod.split('/');
  return { owner: { namespace, podUid }, pod, isMounted: false, acquireMemory };
}

let nowMs = 0;

function admissionOf(inFlight: number, perPod = inFlight): { admission: PublishAdmission; refused: string[] } {
  const refused: string[] = [];
  const observer = { rejected: (...refusal: readonly string[]) => void refused.push(refusal.join(' ')) };
  return { admission: new PublishAdmission({ inFlight, perPod, running: 1 }, observer, () => nowMs), refused };
}

describe('PublishAdmission', () => {
  const waiting = (waiters: readonly Waiter[]): number => waiters.filter(({ outcome }) => outcome === undefined).length;

  it('refuses a call that has no memory, before any work', async () => {
    const { admission } = admissionOf(10);
    const full = (): never => {
      throw new CodedError('RESOURCE_EXHAUSTED', 'no memory');
    };
    assert.equal(await new Waiter(admission, 'ci/1', full).answered, 'no memory');
    assert.equal(admission.inFlight, 0);
    let held = 0;
    const memory = (): (() => void) => {
      held += 1;
      return () => (held -= 1);
    };
    const waiter = new Waiter(admission, 'ci/1', memory);
    assert.equal(held, 1);
    await waiter.end();
    assert.equal(held, 0);
  });

  it('does not try a pod that fails again and again more often than its rate, except its mounted volumes', async () => {
    const { admission, refused } = admissionOf(10);
    const fail = (publish = asking('ci/1')): Promise<string> =>
      admission
        .run(publish, () => Promise.resolve(new CodedError('INTERNAL', 'cause')))
        .then(
          ({ message }) => message,
          (error: unknown) => (error as Error).message,
        );
    const { burst, everyMs } = driverLimits.failedPublishes;
    for (let count = 0; count < burst; count += 1) assert.equal(await fail(), 'cause');
    assert.match(await fail(), /^more than 32 publishes of pod ci\/1 failed .* was not tried: .* 4 a second/);
    assert.deepEqual(refused, ['publishes pod ci/1']);
    assert.equal(await fail(asking('ci/2')), 'cause');
    assert.equal(await fail({ ...asking('ci/1'), isMounted: true }), 'cause');
    nowMs += 2 * everyMs;
    assert.equal(await fail(), 'cause');
    assert.match(await fail(), /was not tried/);
  });

  it('ends a call with the reason of its caller', async () => {
    const { admission } = admissionOf(10);
    const caller = new AbortController();
    const running = admission.run(asking('ci/1'), () => ended(caller.signal));
    caller.abort(new CodedError('CANCELLED', 'gone'));
    await assert.rejects(running, { code: 'CANCELLED', message: 'gone' });
    assert.equal(admission.inFlight, 0);
  });

  it('takes pods without a trusted namespace for one namespace, so that none of them can make itself many', async () => {
    const { admission } = admissionOf(10);
    const unknown = Array.from({ length: 20 }, (_, pod) => new Waiter(admission, `/${pod}`));
    await settle();
    assert.equal(waiting(unknown), 5);
    assert.match(unknown.at(-1)?.outcome ?? '', /^pods of an unknown namespace have 5 of the 10/);
  });
});
