import assert from 'node:assert/strict';
import { setMaxListeners } from 'node:events';
import v8 from 'node:v8';
import { RenderThreads, type RenderThreadLimits } from '../../../src/driver/render-threads.ts';

interface Work {
  readonly what: string;
  /** How long it takes. */
  readonly ms?: number;
}

const jobWorker = new URL('../../support/driver/job-worker.mjs', import.meta.url);
const never = new AbortController().signal;
setMaxListeners(0, never);

function newThreads({
  entry = jobWorker,
  ...limits
}: Partial<RenderThreadLimits> & { readonly entry?: URL } = {}): RenderThreads<Work, string> {
  const bounds = { threads: 2, waiting: 128, jobMs: 60_000, heapMb: 32 };
  return new RenderThreads(entry, { ...bounds, ...limits });
}

function owner(namespace: string, group = 'class'): { readonly namespace: string; readonly group: string } {
  return { namespace, group };
}

describe('threads for jobs', () => {
  let threads = newThreads();

  const using = (options: Parameters<typeof newThreads>[0]): void => {
    threads = newThreads(options);
  };

  beforeEach(() => using({}));

  it('give what the job gives', async () => {
    for (const what of ['a', 'b']) assert.equal(await threads.run({ what }, owner('x'), never), what);
  });

  it('end a job that takes too long', async () => {
    using({ jobMs: 2_000 });
    const endless = threads.run({ what: 'endless' }, owner('x'), never);
    await assert.rejects(endless, {
      code: 'RESOURCE_EXHAUSTED',
      message: 'the job "endless": template takes more than 2 s',
    });
    using({});
    assert.equal(await threads.run({ what: 'next' }, owner('x'), never), 'next');
  });

  it('end a job that wants all memory', async () => {
    await assert.rejects(threads.run({ what: 'memory' }, owner('x'), never), {
      code: 'RESOURCE_EXHAUSTED',
      message: 'the job "memory": template needs more memory than there is for it',
    });
    assert.equal(await threads.run({ what: 'next' }, owner('x'), never), 'next');
  });

  it('have their own memory limit, whatever that of the process is', async () => {
    v8.setFlagsFromString('--max-old-space-size=512');
    const heapBytes = v8.getHeapStatistics().heap_size_limit;
    await assert.rejects(threads.run({ what: '128 MB' }, owner('x'), never), { code: 'RESOURCE_EXHAUSTED' });
    assert.equal(v8.getHeapStatistics().heap_size_limit, heapBytes);
    using({ heapMb: 256 });
    assert.equal(await threads.run({ what: '128 MB' }, owner('x'), never), '128 MB');
  });

  for (const what of ['mistake', 'exit']) {
    it(`report a thread that fails, and serve the next: ${what}`, async () => {
      await assert.rejects(threads.run({ what }, owner('x'), never), { code: 'INTERNAL' });
      assert.equal(await threads.run({ what: 'next' }, owner('x'), never), 'next');
    });
  }

  it('report a thread that cannot be started', async () => {
    using({ entry: new URL('absent.mjs', jobWorker) });
    const message = 'the thread of the template failed';
    await assert.rejects(threads.run({ what: 'a' }, owner('x'), never), { code: 'INTERNAL', message });
  });

  it('let a caller go who no longer waits, whose job ends with it', async () => {
    const leaving = new AbortController();
    const reasons = [threads.run({ what: 'endless' }, owner('x'), leaving.signal)];
    reasons.push(threads.run({ what: 'waits' }, owner('x'), leaving.signal));
    const next = threads.run({ what: 'next' }, owner('x'), never);
    leaving.abort();
    for (const reason of reasons) await assert.rejects(reason);
    assert.equal(await next, 'next');
  });

  it('never wait for a namespace whose jobs do not end', async () => {
    const leaving = new AbortController();
    const endless = Array.from({ length: 10 }, () => threads.run({ what: 'endless' }, owner('a'), leaving.signal));
    assert.equal(await threads.run({ what: 'mine' }, owner('b'), never), 'mine');
    leaving.abort();
    for (const each of endless) await assert.rejects(each);
  });

  it('share alike between classes of a namespace, however many jobs one has', async () => {
    // Of two threads, a busy machine could stop the one that has the other class's job.
    using({ threads: 1 });
    const done: string[] = [];
    const run = async (group: string): Promise<void> => {
      await threads.run({ what: group, ms: 5 }, owner('x', group), never);
      done.push(group);
    };
    await Promise.all([...Array.from({ length: 10 }, () => run('many')), run('one')]);
    assert.ok(done.indexOf('one') <= 2, done.join(' '));
  });

  it('refuse more of a namespace than may wait, and not those of another', async () => {
    using({ waiting: 4, threads: 1 });
    const leaving = new AbortController();
    const running = ['a', 'b', 'c'].map(() => threads.run({ what: 'endless' }, owner('x'), leaving.signal));
    await assert.rejects(threads.run({ what: 'more' }, owner('x'), never), {
      code: 'RESOURCE_EXHAUSTED',
      message: '2 templates of namespace x already wait for a thread; the kubelet will retry',
    });
    const other = threads.run({ what: 'other' }, owner('y'), never);
    leaving.abort();
    for (const each of running) await assert.rejects(each);
    assert.equal(await other, 'other');
  });
});
