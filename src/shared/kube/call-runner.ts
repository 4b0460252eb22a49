import { abortError, CodedError } from '../errors.ts';
import { Deadline, sleep } from '../abortable.ts';
import { backoffMs } from '../limits/backoff.ts';
import type { FairSemaphore } from '../limits/fair-semaphore.ts';
import type { Owner } from '../limits/owner.ts';
import { readResponse } from './response-body.ts';
import type { ResponseReader } from './response-body.ts';
import type { ClusterConfig } from './cluster-config.ts';
import type { ClockAndRandom, ApiConnections } from './api-connections.ts';
import { TransportError } from './api-connection.ts';
import type { HttpResponse } from './api-connection.ts';
import { KubeError } from './kube-error.ts';
import type { ProgramName } from './kube-error.ts';
import type { KubeObserver, KubeVerb } from './observer.ts';
import { labelOf, pathOf } from './resource-location.ts';
import type { ResourceLocation } from './resource-location.ts';
import { driverItself } from './api-request-limiter.ts';
import type { KubeTimings } from './timings.ts';
import type { Secret } from '../secret.ts';

export interface CallOptions {
  readonly signal: AbortSignal;
  /** Limit of the whole call with its retries; absent: `callMs` of the timings. */
  readonly timeoutMs?: number;
  /** False: one attempt, or two after a 401. */
  readonly retry?: boolean;
  /** The pod that causes the call; absent: the driver itself. */
  readonly owner?: Owner;
}

export interface CallTarget {
  readonly verb: KubeVerb;
  readonly location: ResourceLocation;
  /** Query with its question mark, or empty. */
  readonly query: string;
}

interface RunnerOptions {
  readonly config: ClusterConfig;
  readonly timings: KubeTimings;
  readonly clock: ClockAndRandom;
  readonly observer: KubeObserver;
  readonly userAgent: string;
  readonly limiter: FairSemaphore;
  readonly program?: ProgramName;
}

/** Runs calls to the API server: authentication, attempts and deadlines. */
export class CallRunner {
  readonly #pool: ApiConnections;
  readonly #options: RunnerOptions;
  #problem: KubeError | undefined;

  constructor(pool: ApiConnections, options: RunnerOptions) {
    this.#pool = pool;
    this.#options = options;
  }

  get timings(): KubeTimings {
    return this.#options.timings;
  }

  /** Why the last attempt of a call failed transiently; undefined if it did not. Watches do not count. */
  get problem(): KubeError | undefined {
    return this.#problem;
  }

  /** Returns the error. Adds the program's name to an error of the API server. */
  named(error: unknown): unknown {
    return error instanceof KubeError ? error.sentBy(this.#options.program ?? 'driver') : error;
  }

  get now(): () => number {
    return this.#options.clock.now;
  }

  /** Runs a call with its retries, and returns its parsed response. */
  async run<T>(
    target: CallTarget,
    body: string | undefined,
    options: CallOptions & { readonly isIdempotent?: boolean },
    read: ResponseReader<T>,
  ): Promise<T> {
    const timeoutMs = options.timeoutMs ?? this.timings.callMs;
    const deadline = Deadline.start(options.signal, timeoutMs, this.now);
    let lastError: KubeError | undefined;
    try {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await this.runWithinLimit(options.owner, deadline.signal, () =>
            this.#attempt(target, body, deadline.signal, read),
          );
        } catch (error) {
          if (!(error instanceof KubeError)) throw error;
          lastError = error;
        }
        const delayMs = this.#retryDelayMs(lastError, attempt, options);
        if (delayMs === undefined || delayMs >= deadline.remainingMs || this.#pool.isClosed) throw lastError;
        await sleep(delayMs, deadline.signal);
      }
    } catch (error) {
      throw this.named(this.#explain(error, deadline, options.signal, target, timeoutMs, lastError));
    } finally {
      deadline.done();
    }
  }

  /** Runs `request` once the limiter has a free slot. */
  runWithinLimit<T>(owner: Owner = driverItself, signal: AbortSignal, request: () => Promise<T>): Promise<T> {
    return this.#options.limiter.run(owner, signal, request);
  }

  /**
   * Sends a request with the current token. After a 401 it sends it once more, if the file has another token now.
   * @returns a response of any status, with an unread body.
   */
  async open(target: CallTarget, body: string | undefined, signal: AbortSignal): Promise<HttpResponse> {
    const { token } = this.#options.config;
    const first = token?.current();
    const response = await this.#send(target, body, first, signal);
    if (response.status !== 401 || first === undefined || token?.renew(first) !== true) return response;
    await this.read(response, target, readResponse).catch(() => undefined);
    return this.#send(target, body, token.current(), signal);
  }

  /** Reads a response. @throws {KubeError} unless it is JSON with a status of success. */
  read<T>(response: HttpResponse, target: CallTarget, read: ResponseReader<T>): Promise<T> {
    return read(response, requestLine(target), this.#options.config.token?.current());
  }

  async #attempt<T>(
    target: CallTarget,
    body: string | undefined,
    signal: AbortSignal,
    read: ResponseReader<T>,
  ): Promise<T> {
    const { attemptMs } = this.timings;
    const deadline = Deadline.start(signal, attemptMs, this.now);
    try {
      const response = await this.read(await this.open(target, body, deadline.signal), target, read);
      this.#problem = undefined;
      return response;
    } catch (error) {
      if (signal.aborted) throw error;
      const failure = deadline.isOver ? timedOut(target, attemptMs, error) : toKubeError(error, target);
      this.#problem = failure instanceof KubeError && failure.isTransient ? failure : undefined;
      throw failure;
    } finally {
      deadline.done();
    }
  }

  async #send(
    target: CallTarget,
    body: string | undefined,
    token: Secret | undefined,
    signal: AbortSignal,
  ): Promise<HttpResponse> {
    const { config, userAgent, observer, clock } = this.#options;
    const headers = {
      accept: 'application/json',
      'user-agent': userAgent,
      ...(token === undefined ? {} : { authorization: `Bearer ${token.expose()}` }),
      ...(body === undefined ? {} : { 'content-type': contentTypes[target.verb] ?? 'application/json' }),
    };
    const startedMs = clock.now();
    const observe = (code: number): void =>
      observer.request(target.verb, labelOf(target.location), code, clock.now() - startedMs);
    try {
      const response = await this.#pool.request(
        {
          method: methodOf(target.verb),
          path: `${config.basePath}${pathOf(target.location)}${target.query}`,
          headers,
          ...(body === undefined ? {} : { body }),
        },
        signal,
      );
      observe(response.status);
      return response;
    } catch (error) {
      observe(0);
      throw error;
    }
  }

  /** Returns the delay before the next attempt; undefined if a retry is useless or not allowed. */
  #retryDelayMs(
    error: KubeError,
    attempt: number,
    options: CallOptions & { readonly isIdempotent?: boolean },
  ): number | undefined {
    if (options.retry === false || !error.isTransient) return undefined;
    if (error.mayHaveActed && options.isIdempotent !== true) return undefined;
    const { maxAttempts, retryBaseMs, retryCapMs } = this.timings;
    const delayMs = backoffMs(attempt, retryBaseMs, retryCapMs, this.#options.clock.random);
    // The server's delay is spread, so that clients that it rejected together do not return together.
    if (error.retryAfterMs !== undefined) return error.retryAfterMs + delayMs;
    return error.code !== 0 && attempt >= maxAttempts ? undefined : delayMs;
  }

  #explain(
    error: unknown,
    deadline: Deadline,
    outer: AbortSignal,
    target: CallTarget,
    timeoutMs: number,
    lastError: KubeError | undefined,
  ): unknown {
    if (outer.aborted) return abortError(outer);
    return deadline.isOver ? timedOut(target, timeoutMs, error, lastError ?? error) : error;
  }
}

const contentTypes: Readonly<Partial<Record<KubeVerb, string>>> = { patch: 'application/merge-patch+json' };

function methodOf(verb: KubeVerb): 'GET' | 'POST' | 'PATCH' {
  if (verb === 'create') return 'POST';
  return verb === 'patch' ? 'PATCH' : 'GET';
}

/** Returns method and path, the start of each error. */
export function requestLine({ verb, location }: CallTarget): string {
  return `${methodOf(verb)} ${pathOf(location)}`;
}

/**
 * Returns the error of a call or attempt that ran out of time.
 * @param end how the exchange in flight ended; a CodedError if it was still waiting for a connection.
 * @param cause an earlier failure, if there was one.
 */
export function timedOut(target: CallTarget, timeoutMs: number, end: unknown, cause: unknown = end): KubeError {
  const path = requestLine(target);
  const hint = cause instanceof KubeError ? ` (${cause.message.slice(cause.path.length + 2)})` : '';
  const message = `no answer within ${timeoutMs} ms${hint}`;
  const mayHaveActed = !(end instanceof CodedError);
  return new KubeError({ code: 0, reason: 'TimedOut', message, path, mayHaveActed }, { cause });
}

/** Converts a TransportError to a KubeError. Other errors are returned unchanged. */
export function toKubeError(error: unknown, target: CallTarget): unknown {
  if (!(error instanceof TransportError)) return error;
  const reason = error.mayHaveActed ? 'ConnectionLost' : 'Unreachable';
  const { message, mayHaveActed } = error;
  return new KubeError({ code: 0, reason, message, path: requestLine(target), mayHaveActed }, { cause: error });
}
