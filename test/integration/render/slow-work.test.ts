import assert from 'node:assert/strict';
import { SlowWorkThread } from '../../../src/process/slow-work-thread.js';
import { runSlowTask, type SlowTask } from '../../../src/gotemplate/slow-work.js';

const entry = new URL('../../../dist/slow-worker.js', import.meta.url);
const never = new AbortController().signal;
const salt = '$2a$04$abcdefghijklmnopqrstuu';
const hash = (password: string): SlowTask => ({ kind: 'bcrypt', password, salt });

describe('the thread for slow work', () => {
  it('gives what the work gives here', async () => {
    assert.equal(await new SlowWorkThread(entry).run(hash('x'), never), runSlowTask(hash('x')));
  });

  it('does one task after the other, whoever asks', async () => {
    const work = new SlowWorkThread(entry);
    const done: string[] = [];
    const passwords = ['a', 'b', 'c'];
    await Promise.all(passwords.map((password) => work.run(hash(password), never).then(() => done.push(password))));
    assert.deepEqual(done, passwords);
  });

  it('lets a caller go who no longer waits, and serves the next', async () => {
    const work = new SlowWorkThread(entry);
    const leaving = new AbortController();
    const left = work.run({ kind: 'dsaKey' }, leaving.signal);
    const next = work.run(hash('x'), never);
    leaving.abort();
    await assert.rejects(left);
    assert.equal(await next, runSlowTask(hash('x')));
  });

  it('reports a task that fails without what it was given, and serves the next', async () => {
    const work = new SlowWorkThread(entry);
    await assert.rejects(work.run({ kind: 'bcrypt', password: 's3cr3t', salt: 'no salt' }, never), {
      code: 'INTERNAL',
      message: "a template's bcrypt could not be worked out",
    });
    assert.equal(await work.run(hash('x'), never), runSlowTask(hash('x')));
  });

  it('reports a thread that cannot be started', async () => {
    const work = new SlowWorkThread(new URL('absent.js', entry));
    await assert.rejects(work.run(hash('x'), never), { code: 'INTERNAL' });
  });
});
