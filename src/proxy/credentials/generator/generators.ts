import { setMaxListeners } from 'node:events';
import { abortable } from '../../../shared/abortable.js';
import type { Clock } from '../../../shared/clock.js';
import { CodedError } from '../../../shared/errors.js';
import { doublingMs } from '../../../shared/limits/backoff.js';
import { BoundedMap } from '../../../shared/limits/bounded-map.js';
import { proxyLimits } from '../../limits.js';
import { JobLimitExceeded, WorkerPool } from '../../../shared/process/worker-pool.js';
import type { JobGroup } from '../../../shared/process/worker-pool.js';
import { quote } from '../../../shared/wording.js';
import { ProxyError } from '../../proxy-error.js';
import type { Generated, GeneratorJob, GeneratorOutcome, GeneratorRequest, NamesAndValues } from './generator-job.js';
import type { CelGenerator } from './generator-of-class.js';
import type { GeneratorCompiler, GeneratorEvaluator, GeneratorSecret, GeneratorUse } from './generator-use.js';
import { UnusableGenerator } from './unusable-generator.js';

/** Runs jobs, one at a time. */
export type GeneratorPool = Pick<WorkerPool<GeneratorJob, GeneratorOutcome>, 'run' | 'stop'>;

/**
 * Returns the pool with the thread for generators.
 * @param entry the built generator-worker.ts.
 */
export function generatorPool(entry: URL): GeneratorPool {
  const { startMs, evaluationMs: jobMs, compileMs: slowMs, idleMs, heapMb, waitingEach } = proxyLimits.generators;
  const messages = { noun: 'generator', retry: 'the client can retry' };
  return new WorkerPool({ entry, threads: 1, waitingEach, startMs, jobMs, slowMs, idleMs, heapMb, ...messages });
}

export interface GeneratorsOptions {
  readonly pool: GeneratorPool;
  readonly clock: Clock;
  /** A monotonic clock in milliseconds. */
  readonly monotonicNow: () => number;
}

/** An expression that is not evaluated for a while. */
interface Pause {
  readonly sinceMs: number;
  /** The Secret with which it exceeded its limits, and how often in a row. */
  readonly secret: WeakRef<GeneratorSecret> | undefined;
  readonly failures: number;
}

/** A client that leaves ends its wait, and not the thread that others wait for. */
const never = new AbortController().signal;
setMaxListeners(0, never);

/** Evaluates the expressions of classes in a thread, which exists only while there is work. */
export class Generators implements GeneratorEvaluator, GeneratorCompiler {
  readonly #options: GeneratorsOptions;
  /** Results of expressions that depend on nothing but the Secret. */
  readonly #fixed = new WeakMap<GeneratorSecret, BoundedMap<Generated>>();
  /** Expressions that exceeded their time or memory, by namespace and text. */
  readonly #paused = new BoundedMap<Pause>(proxyLimits.generators.paused);

  constructor(options: GeneratorsOptions) {
    this.#options = options;
  }

  async generate(use: GeneratorUse, request: GeneratorRequest, signal: AbortSignal): Promise<Generated> {
    const { generator, secret } = use;
    const { cel } = generator;
    const known = this.#fixed.get(secret)?.get(cel);
    if (known !== undefined) return known;
    const isShort = request.path.length + request.query.length <= proxyLimits.generators.requestCharacters;
    const outcome = await this.#runFor(
      use,
      {
        cel,
        secret: this.#valuesOf(use),
        ...(isShort ? { request } : {}),
        nowMs: this.#options.clock.now(),
      },
      signal,
    );
    if (outcome.kind !== 'generated') throw failureOf(outcome, use);
    if (outcome.isFixed) this.#keep(secret, cel, outcome);
    return outcome;
  }

  async check(use: GeneratorUse, signal: AbortSignal): Promise<void> {
    const job: GeneratorJob = {
      cel: use.generator.cel,
      secret: this.#valuesOf(use),
      request: { method: 'GET', host: use.host, path: '/', query: '' },
      nowMs: this.#options.clock.now(),
    };
    const outcome = await this.#runFor(use, job, signal);
    const dependsOnRequest = outcome.kind === 'failed' && !outcome.isFixed;
    if (outcome.kind !== 'generated' && !dependsOnRequest) throw failureOf(outcome, use);
  }

  async compile({ source, cel }: CelGenerator, className: string, signal: AbortSignal): Promise<void> {
    const job = { cel, nowMs: this.#options.clock.now() };
    const owner = { namespace: '', group: className, secret: undefined };
    const outcome = await this.#run(job, owner, () => tooLong(source), signal);
    if (outcome.kind === 'broken') throw new UnusableGenerator('BrokenGenerator', `${source}: ${outcome.message}`);
  }

  /** Ends the thread. */
  stop(): void {
    this.#options.pool.stop();
  }

  #valuesOf(use: GeneratorUse): NamesAndValues {
    // Editors and `echo` append a line feed.
    const values = [...use.secret.data].map(([key, value]) => [key, value.expose().replace(/\r?\n$/, '')] as const);
    const { secretCharacters } = proxyLimits.generators;
    if (values.reduce((sum, [, value]) => sum + value.length, 0) <= secretCharacters) return values;
    throw unusableSecret(use, `has more than ${secretCharacters} characters: leave only the credential in it`);
  }

  #keep(secret: GeneratorSecret, cel: string, generated: Generated): void {
    const results = this.#fixed.get(secret) ?? new BoundedMap<Generated>(proxyLimits.generators.resultsOfSecret);
    results.set(cel, generated);
    this.#fixed.set(secret, results);
  }

  #runFor(use: GeneratorUse, job: GeneratorJob, signal: AbortSignal): Promise<GeneratorOutcome> {
    const { secret, generator, connector } = use;
    const owner = { namespace: secret.ref.namespace, group: secret.ref.name, secret };
    return this.#run(job, owner, () => tooLong(generator.source, ` (connector ${connector})`), signal);
  }

  /** @param tooLongError creates the error for an expression that exceeds its time or memory. */
  async #run(
    job: GeneratorJob,
    { secret, ...owner }: JobGroup & { readonly secret: GeneratorSecret | undefined },
    tooLongError: () => ProxyError,
    signal: AbortSignal,
  ): Promise<GeneratorOutcome> {
    const { namespace } = owner;
    const key = `${namespace} ${job.cel}`;
    const pause = this.#paused.get(key);
    const failures = pause !== undefined && pause.secret?.deref() === secret ? pause.failures : 0;
    const { pauseMs, longestPauseMs } = proxyLimits.generators;
    const untilMs = (pause?.sinceMs ?? -Infinity) + doublingMs(Math.max(1, failures), pauseMs, longestPauseMs);
    if (untilMs > this.#options.monotonicNow()) throw tooLongError();
    try {
      const outcome = await this.#runTwice(job, owner, signal);
      if (failures > 0) this.#paused.delete(key);
      return outcome;
    } catch (error) {
      if (error instanceof JobLimitExceeded) {
        const sinceMs = this.#options.monotonicNow();
        this.#paused.set(key, { sinceMs, secret: secret && new WeakRef(secret), failures: failures + 1 });
        throw tooLongError();
      }
      if (!(error instanceof CodedError) || signal.aborted) throw error;
      const problem =
        error.code === 'RESOURCE_EXHAUSTED'
          ? `too many requests of namespace ${namespace} wait for the credential of a generator`
          : 'the thread that evaluates generators failed';
      throw new ProxyError(503, 'overload', `${problem}: try again`, { cause: error, headers: { 'Retry-After': '1' } });
    }
  }

  /** Repeats a job once whose thread failed. */
  async #runTwice(job: GeneratorJob, owner: JobGroup, signal: AbortSignal): Promise<GeneratorOutcome> {
    const run = (): Promise<GeneratorOutcome> => abortable(this.#options.pool.run(job, owner, never), signal);
    try {
      return await run();
    } catch (error) {
      if (!(error instanceof CodedError) || error.code !== 'INTERNAL' || signal.aborted) throw error;
      return run();
    }
  }
}

function failureOf(outcome: Exclude<GeneratorOutcome, { readonly kind: 'generated' }>, use: GeneratorUse): ProxyError {
  const { source } = use.generator;
  switch (outcome.kind) {
    case 'broken':
      return new UnusableGenerator('BrokenGenerator', `${source}: ${outcome.message} (connector ${use.connector})`);
    case 'missing':
      return unusableSecret(use, `has no ${shownKey(outcome.key)}, which ${source} needs`);
    case 'too-long': {
      const { requestCharacters } = proxyLimits.generators;
      return new ProxyError(
        414,
        'malformed',
        `path and query have more than ${requestCharacters} characters, which is too much for ${source}`,
      );
    }
    case 'failed':
      return new ProxyError(502, 'misconfigured', `${source}: ${outcome.message} (connector ${use.connector})`);
  }
}

/** Expressions can look for keys that no Secret can have, with line breaks. */
function shownKey(key: string): string {
  return /^[-.\w]{1,253}$/.test(key) ? key : quote(key);
}

function tooLong(source: string, of = ''): ProxyError {
  return new ProxyError(502, 'misconfigured', `${source} takes too much time or memory: make it simpler${of}`);
}

function unusableSecret({ secret, connector }: GeneratorUse, problem: string): ProxyError {
  const { namespace, name } = secret.ref;
  return new ProxyError(502, 'misconfigured', `Secret ${namespace}/${name} ${problem} (connector ${connector})`);
}
