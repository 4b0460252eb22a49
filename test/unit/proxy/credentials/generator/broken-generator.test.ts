import assert from 'node:assert/strict';
import { CodedError } from '../../../../../src/shared/errors.js';
import type { JsonObject } from '../../../../../src/shared/json.js';
import { JobLimitExceeded } from '../../../../../src/shared/process/worker-pool.js';
import { brokenGeneratorIn } from '../../../../../src/proxy/credentials/generator/broken-generator.js';
import type { GeneratorJob, GeneratorOutcome } from '../../../../../src/proxy/credentials/generator/generator-job.js';
import { Generators } from '../../../../../src/proxy/credentials/generator/generators.js';
import { GeneratorJobs } from '../../../../../src/proxy/credentials/generator/run-generator-job.js';
import { connectorClass } from '../../../../support/proxy/manifests.js';

const { signal } = new AbortController();
const good = '{"headers": {"X": secret.a}}';

describe('the generators of a class', () => {
  const jobs: GeneratorJob[] = [];
  const inThread = new GeneratorJobs();
  let failure: Error | undefined;
  const generators = new Generators({
    pool: {
      run: (job: GeneratorJob): Promise<GeneratorOutcome> => {
        jobs.push(job);
        return failure === undefined ? Promise.resolve(inThread.run(job)) : Promise.reject(failure);
      },
      stop: () => undefined,
    },
    clock: { now: () => 5 },
    monotonicNow: () => 0,
  });
  beforeEach(() => {
    jobs.length = 0;
    failure = undefined;
  });

  const problemOf = async (...types: readonly object[]): Promise<string | undefined> => {
    const object = connectorClass('made', { auth: { types } }) as JsonObject;
    return (await brokenGeneratorIn({ name: 'made', object }, generators, signal))?.message;
  };
  const typeOf = (cel: unknown, name = 'own'): object => ({ name, generator: { cel } });

  it('are compiled, and not evaluated', async () => {
    assert.equal(await problemOf(typeOf(good), typeOf('secret.a.b + 1'), typeOf('[secret.a][0]')), undefined);
    assert.deepEqual(
      jobs.map(({ secret, request }) => [secret, request]),
      [
        [undefined, undefined],
        [undefined, undefined],
        [undefined, undefined],
      ],
    );
  });

  it('have their first mistake reported', async () => {
    const source = 'connectorclass made: generator.cel of auth type';
    assert.equal(await problemOf(typeOf(good), typeOf(7, 'b'), typeOf('(', 'c')), `${source} "b" must be a string`);
    assert.match((await problemOf(typeOf('[\n1 +', 'd'))) ?? '', /^connectorclass made: .* "d": line 2, column 3: /);
    assert.match((await problemOf(typeOf(`"${'x'.repeat(9000)}"`))) ?? '', /must have at most 8192 characters$/);
  });

  it('in Rego have no mistake, since Secrets of other types need no generator', async () => {
    assert.equal(await problemOf({ name: 'own', generator: { rego: 'package proxy' } }, { name: 'none' }), undefined);
    assert.deepEqual(jobs, []);
  });

  it('that take too long are not broken, and those without a free thread are unknown', async () => {
    failure = new JobLimitExceeded('too long');
    assert.equal(await problemOf(typeOf('1')), undefined);
    failure = new CodedError('RESOURCE_EXHAUSTED', 'too many wait');
    await assert.rejects(problemOf(typeOf('2')), { kind: 'overload' });
  });

  it('are empty or malformed without a mistake', async () => {
    assert.equal(
      await brokenGeneratorIn({ name: 'made', object: { spec: { auth: 7 } } }, generators, signal),
      undefined,
    );
  });
});
