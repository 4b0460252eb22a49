import assert from 'node:assert/strict';
import { CodedError } from '../../../../../src/shared/errors.js';
import { JobLimitExceeded } from '../../../../../src/shared/process/worker-pool.js';
import type { GeneratorJob, GeneratorOutcome } from '../../../../../src/proxy/credentials/generator/generator-job.js';
import type { GeneratorUse } from '../../../../../src/proxy/credentials/generator/generator-use.js';
import type { GeneratorPool } from '../../../../../src/proxy/credentials/generator/generators.js';
import { Generators } from '../../../../../src/proxy/credentials/generator/generators.js';
import { Secret } from '../../../../../src/shared/secret.js';

const request = { method: 'GET', host: 'tool.example', path: '/', query: '' };
const never = new AbortController().signal;

function use(cel: string, namespace = 'ci', token = 'x'): GeneratorUse {
  return {
    generator: { source: 'connectorclass made: generator.cel of auth type "own"', cel },
    secret: { ref: { namespace, name: 'login' }, data: new Map([['token', new Secret(token)]]) },
    connector: `${namespace}/tool`,
    host: 'tool.example',
  };
}

describe('Generators', () => {
  const jobs: GeneratorJob[] = [];
  let results: (GeneratorOutcome | Error)[] = [];
  let nowMs = 0;
  let generators: Generators;

  beforeEach(() => {
    jobs.length = 0;
    nowMs = 0;
    const pool = {
      run: (job: GeneratorJob): Promise<GeneratorOutcome> => {
        jobs.push(job);
        const [result = new Error('no result')] = results.splice(0, 1);
        return result instanceof Error ? Promise.reject(result) : Promise.resolve(result);
      },
      stop: () => undefined,
    };
    generators = new Generators({ pool, clock: { now: () => 5 }, monotonicNow: () => nowMs });
  });

  const generated = (isFixed: boolean): GeneratorOutcome => ({
    kind: 'generated',
    headers: [['X', 'y']],
    query: [],
    isFixed,
  });

  it('evaluate an expression of the Secret alone once for each of its versions', async () => {
    results = [generated(true), generated(true)];
    const first = use('a');
    for (let times = 0; times < 3; times += 1) {
      assert.deepEqual((await generators.generate(first, request, never)).headers, [['X', 'y']]);
    }
    assert.equal(jobs.length, 1);
    await generators.generate(use('a'), request, never);
    assert.equal(jobs.length, 2);
  });

  it('evaluate another expression for each request', async () => {
    results = [generated(false), generated(false)];
    const same = use('a');
    await generators.generate(same, request, never);
    await generators.generate(same, request, never);
    assert.equal(jobs.length, 2);
  });

  it('try a job again once whose thread failed', async () => {
    const failure = new CodedError('INTERNAL', 'the thread failed');
    results = [failure, generated(false), failure, failure];
    await generators.generate(use('a'), request, never);
    assert.equal(jobs.length, 2);
    await assert.rejects(generators.generate(use('a'), request, never), { status: 503, kind: 'overload' });
    assert.equal(jobs.length, 4);
  });

  it('do not evaluate an expression again for a while that took too long, in its namespace', async () => {
    results = [new JobLimitExceeded('too long'), generated(true), generated(true)];
    const problem = { status: 502, message: /takes too much time or memory: make it simpler \(connector ci\/tool\)$/ };
    await assert.rejects(generators.generate(use('a'), request, never), problem);
    await assert.rejects(generators.generate(use('a'), request, never), problem);
    assert.equal(jobs.length, 1);
    await generators.generate(use('a', 'other'), request, never);
    nowMs += 30_000;
    await generators.generate(use('a'), request, never);
    assert.equal(jobs.length, 3);
  });

  it('wait twice as long each time with the same Secret, up to ten minutes, until it is evaluated', async () => {
    const slow = use('a');
    const tooLong = new JobLimitExceeded('too long');
    const isRun = async (used = slow): Promise<boolean> => {
      const before = jobs.length;
      await generators.generate(used, request, never).catch(() => undefined);
      return jobs.length > before;
    };
    results = Array.from({ length: 7 }, () => tooLong);
    assert.ok(await isRun());
    for (const seconds of [30, 60, 120, 240, 480, 600]) {
      nowMs += seconds * 1000 - 1;
      assert.ok(!(await isRun()), `${seconds} s`);
      nowMs += 1;
      assert.ok(await isRun(), `${seconds} s`);
    }
    // Another version of the Secret waits for the shortest time only, and ends nothing for this one.
    results = [generated(false), generated(false), tooLong, generated(false)];
    const changed = use('a');
    assert.ok(!(await isRun(changed)));
    nowMs += 30_000;
    assert.ok(await isRun(changed));
    assert.ok(!(await isRun()));
    nowMs += 570_000;
    // A result ends the row.
    assert.ok(await isRun());
    assert.ok(await isRun());
    assert.ok(!(await isRun()));
    nowMs += 30_000;
    assert.ok(await isRun());
    assert.deepEqual(results, []);
  });

  it('name a missing key in one line', async () => {
    results = [
      { kind: 'missing', key: 'token' },
      { kind: 'missing', key: 'a\nb' },
    ];
    await assert.rejects(generators.generate(use('a'), request, never), {
      message: /^Secret ci\/login has no token, /,
    });
    await assert.rejects(generators.generate(use('a'), request, never), {
      message: /^Secret ci\/login has no "a\\nb", which [^\n]*$/,
    });
  });

  it('respond 503 if too much waits', async () => {
    results = [new CodedError('RESOURCE_EXHAUSTED', '512 volumes wait')];
    await assert.rejects(generators.generate(use('a'), request, never), {
      status: 503,
      message: 'too many requests of namespace ci wait for the credential of a generator: try again',
    });
  });

  it('let a client go that leaves, and not the job', async () => {
    const leaving = new AbortController();
    let ofJob: AbortSignal | undefined;
    const pool: GeneratorPool = {
      run: (_job, _owner, signal) => {
        ofJob = signal;
        return new Promise(() => undefined);
      },
      stop: () => undefined,
    };
    generators = new Generators({ pool, clock: { now: () => 5 }, monotonicNow: () => 0 });
    const waiting = generators.generate(use('a'), request, leaving.signal);
    leaving.abort();
    await assert.rejects(waiting);
    assert.equal(ofJob?.aborted, false);
  });

  it('reject a Secret that is too large before it is copied', async () => {
    await assert.rejects(generators.generate(use('a', 'ci', 'x'.repeat(200_000)), request, never), {
      status: 502,
      message: /^Secret ci\/login has more than 131072 characters/,
    });
    assert.equal(jobs.length, 0);
  });
});
