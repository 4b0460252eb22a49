import assert from 'node:assert/strict';
import fc from 'fast-check';
import { CodedError } from '../../../src/errors.js';
import type { IncomingPublish } from '../../../src/limits/publish-admission.js';
import { PublishAdmission } from '../../../src/limits/publish-admission.js';
import { limits } from '../../../src/limits/defaults.js';
import { neverAborted } from '../../support/domain.js';

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A call that waits until it is ended, for a pod written as `NAMESPACE/UID`. */
class Waiter {
  readonly answered: Promise<string>;
  #end: () => void = () => undefined;
  /** OK, or the message of its failure; undefined while it waits. */
  outcome: string | undefined;

  constructor(admission: PublishAdmission, pod: string, sizeBytes = 0) {
    const done = new Promise<void>((resolve) => (this.#end = resolve));
    this.answered = admission
      .run(asking(pod, sizeBytes), neverAborted, (call) =>
        call.runInSlot(call.signal, (working) =>
          working.releaseSlotWhile(() => Promise.race([done, ended(call.signal)])).then(() => 'OK'),
        ),
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

function asking(pod: string, sizeBytes: number): IncomingPublish {
  const [namespace = '', podUid = ''] = pod.split('/');
  return { owner: { namespace, podUid }, pod, sizeBytes };
}

function admissionOf(inFlight: number, perPod = inFlight): { admission: PublishAdmission; refused: string[] } {
  const refused: string[] = [];
  const observer = { rejected: (...refusal: readonly string[]) => void refused.push(refusal.join(' ')) };
  return { admission: new PublishAdmission({ inFlight, perPod, running: 1 }, observer), refused };
}

describe('PublishAdmission', () => {
  const waitersOf = (admission: PublishAdmission, pod: string, count: number): Waiter[] =>
    Array.from({ length: count }, () => new Waiter(admission, pod));
  const waiting = (waiters: readonly Waiter[]): number => waiters.filter(({ outcome }) => outcome === undefined).length;

  it('refuses at once what is more than the share of a pod, though nobody else is there', async () => {
    const { admission, refused } = admissionOf(100, 32);
    const waiters = waitersOf(admission, 'evil/1', 700);
    await settle();
    assert.deepEqual([waiting(waiters), admission.inFlight, refused.length], [32, 32, 668]);
    assert.equal(
      waiters.at(-1)?.outcome,
      'pod evil/1 has 32 publishes in flight on this node already, and the limit of one pod is 32; the kubelet will retry',
    );
    assert.equal(refused[0], 'publishes pod evil/1');
  });

  it('lets one namespace have everything while no other one wants any', async () => {
    const { admission } = admissionOf(110, 32);
    const waiters = Array.from({ length: 110 }, (_, pod) => new Waiter(admission, `ci/${pod}`));
    await settle();
    assert.equal(waiting(waiters), 110);
    const more = new Waiter(admission, 'ci/110');
    assert.match(await more.answered, /^this node has 110 publishes in flight already, and its limit is 110;/);
    assert.deepEqual(await Promise.all(waiters.map((waiter) => waiter.end())), Array(110).fill('OK'));
  });

  it('makes room for a namespace that comes late, by ending the newest calls of the pod that has most', async () => {
    const { admission, refused } = admissionOf(10);
    const large = waitersOf(admission, 'evil/1', 7);
    const small = waitersOf(admission, 'evil/2', 3);
    const late = waitersOf(admission, 'ci/1', 5);
    const tooLate = new Waiter(admission, 'ci/1');
    await settle();
    assert.deepEqual([waiting(large), waiting(small), waiting(late)], [2, 3, 5]);
    assert.equal(large[0]?.outcome, undefined);
    assert.match(
      large[6]?.outcome ?? '',
      /^namespace evil has 10 of the 10 publishes .* ended because others have less/,
    );
    assert.match(
      await tooLate.answered,
      /^namespace ci has 5 of the 10 publishes that this node takes at once, its share/,
    );
    assert.deepEqual(new Set(refused), new Set(['publishes preempted evil/1', 'publishes namespace ci/1']));
  });

  it('makes room for a pod that comes late into a namespace that has everything', async () => {
    const { admission } = admissionOf(8);
    const first = waitersOf(admission, 'ci/1', 8);
    const late = waitersOf(admission, 'ci/2', 6);
    await settle();
    assert.deepEqual([waiting(first), waiting(late), admission.inFlight], [4, 4, 8]);
  });

  it('ends nothing that is at work', async () => {
    const { admission } = admissionOf(1);
    let finish: () => void = () => undefined;
    const work = new Promise<void>((resolve) => (finish = resolve));
    const working = admission.run(asking('evil/1', 0), neverAborted, (call) => call.runInSlot(call.signal, () => work));
    await settle();
    assert.match(await new Waiter(admission, 'ci/1').answered, /^this node has 1 publishes in flight/);
    finish();
    await working;
    assert.equal(admission.inFlight, 0);
  });

  it('counts a long request for more, and lets in one that is more than a share when the pod has nothing else', async () => {
    const { admission } = admissionOf(1000, 32);
    const usual = new Waiter(admission, 'ci/1', 3000);
    assert.equal(admission.inFlight, 1);
    const long = new Waiter(admission, 'ci/2', 10 * limits.publishes.bytesPerUnit);
    assert.equal(admission.inFlight, 12);
    const longest = new Waiter(admission, 'evil/1', 4 * 2 ** 20);
    assert.equal(admission.inFlight, 44);
    assert.match(await new Waiter(admission, 'evil/1').answered, /^pod evil\/1 has 32 publishes/);
    await Promise.all([usual, long, longest].map((waiter) => waiter.end()));
    assert.equal(admission.inFlight, 0);
  });

  it('ends a call with the reason of its caller', async () => {
    const { admission } = admissionOf(10);
    const caller = new AbortController();
    const running = admission.run(asking('ci/1', 0), caller.signal, ({ signal }) => ended(signal));
    caller.abort(new CodedError('CANCELLED', 'gone'));
    await assert.rejects(running, { code: 'CANCELLED', message: 'gone' });
    assert.equal(admission.inFlight, 0);
  });

  it('takes pods without a trusted namespace for one namespace, so that none of them can make itself many', async () => {
    const { admission } = admissionOf(10);
    const unknown = Array.from({ length: 20 }, (_, pod) => new Waiter(admission, `/${pod}`));
    const known = waitersOf(admission, 'ci/1', 5);
    await settle();
    assert.deepEqual([waiting(unknown), waiting(known)], [5, 5]);
    assert.match(unknown[0]?.outcome ?? '', /^pods of an unknown namespace have 10 of the 10/);
  });

  it('never exceeds its bounds, and ends nobody for who would have as much', async () => {
    const pods = ['a/1', 'a/2', 'b/1', 'c/1', 'c/2'];
    const step = fc.record({
      pod: fc.constantFrom(...pods),
      kind: fc.constantFrom('come', 'come', 'go'),
      bytes: fc.constantFrom(0, 0, 0, 2 * limits.publishes.bytesPerUnit),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { admission } = admissionOf(9, 5);
        const all: { readonly pod: string; readonly units: number; readonly waiter: Waiter }[] = [];
        const unitsOf = (prefix: string): number =>
          all
            .filter(({ pod, waiter }) => pod.startsWith(prefix) && waiter.outcome === undefined)
            .reduce((sum, { units }) => sum + units, 0);
        for (const { pod, kind, bytes } of steps) {
          const before = new Map(['a/', 'b/', 'c/', ...pods].map((prefix) => [prefix, unitsOf(prefix)]));
          const running = all.find((each) => each.pod === pod && each.waiter.outcome === undefined);
          if (kind === 'go') await running?.waiter.end();
          else {
            const displacedBefore = all.filter(({ waiter }) => waiter.outcome === undefined);
            const units = 1 + bytes / limits.publishes.bytesPerUnit;
            const waiter = new Waiter(admission, pod, bytes);
            all.push({ pod, units, waiter });
            await settle();
            for (const ended of displacedBefore.filter((each) => each.waiter.outcome !== undefined)) {
              const isSame = ended.pod.startsWith(pod.slice(0, 2));
              const mine = (before.get(isSame ? pod : pod.slice(0, 2)) ?? 0) + units;
              assert.ok((before.get(isSame ? ended.pod : ended.pod.slice(0, 2)) ?? 0) > mine);
            }
          }
          await settle();
          assert.equal(admission.inFlight, unitsOf(''));
          assert.ok(admission.inFlight <= 9);
          for (const each of pods) assert.ok(unitsOf(each) <= 5);
        }
        await Promise.all(all.map(({ waiter }) => waiter.end()));
        assert.equal(admission.inFlight, 0);
      }),
      { numRuns: 200 },
    );
  });
});
