import assert from 'node:assert/strict';
import { SingleFlight } from '../../../../src/shared/limits/single-flight.ts';

describe('shared calls', () => {
  let calls: SingleFlight<string>;
  let started: { readonly signal: AbortSignal; readonly finish: (answer: string | Error) => void }[];

  const join = (key: string, signal: AbortSignal = new AbortController().signal): Promise<string> =>
    calls.run(
      key,
      signal,
      (shared) =>
        new Promise((resolve, reject) => {
          started.push({
            signal: shared,
            finish: (answer) => (answer instanceof Error ? reject(answer) : resolve(answer)),
          });
        }),
    );

  beforeEach(() => {
    calls = new SingleFlight();
    started = [];
  });

  it('make one call for everybody who asks while it runs, and another one afterwards', async () => {
    const both = [join('a'), join('a')];
    const other = join('b');
    started[0]?.finish('first');
    started[1]?.finish('other');
    assert.deepEqual(await Promise.all([...both, other]), ['first', 'first', 'other']);
    const later = join('a');
    started[2]?.finish('second');
    assert.equal(await later, 'second');
    assert.equal(started.length, 3);
  });

  it('fail for everybody, and are made again afterwards', async () => {
    const both = [join('a'), join('a')];
    started[0]?.finish(new Error('no luck'));
    for (const each of both) await assert.rejects(each, /no luck/);
    const later = join('a');
    started[1]?.finish('luck');
    assert.equal(await later, 'luck');
  });

  it('are cancelled by the last caller to leave, and by nobody else', async () => {
    const [first, last] = [new AbortController(), new AbortController()];
    const both = [join('a', first.signal), join('a', last.signal)];
    first.abort();
    await assert.rejects(both[0]!, { code: 'CANCELLED' });
    assert.equal(started[0]?.signal.aborted, false);
    last.abort();
    const later = join('a');
    await assert.rejects(both[1]!, { code: 'CANCELLED' });
    assert.equal(started.length, 1);
    started[0].finish('still in time for the one who came before they knew');
    assert.match(await later, /in time/);
  });

  it('are made anew once the last caller has left', async () => {
    const leaving = new AbortController();
    const left = join('a', leaving.signal);
    leaving.abort();
    await assert.rejects(left, { code: 'CANCELLED' });
    assert.equal(started[0]?.signal.aborted, true);
    const later = join('a');
    started[0].finish(new Error('cancelled'));
    started[1]?.finish('new');
    assert.equal(await later, 'new');
  });

  it('start nothing for a caller who has gone already', async () => {
    await assert.rejects(join('a', AbortSignal.abort()), { code: 'CANCELLED' });
    assert.equal(started.length, 0);
  });
});
