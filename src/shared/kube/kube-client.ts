import { stringifyJson } from '../json.ts';
import type { JsonObject, JsonValue } from '../json.ts';
import { withTimeout } from '../abortable.ts';
import { limits } from '../limits/defaults.ts';
import { noLimitObserver } from '../limits/limit-observer.ts';
import type { LimitUsage, LimitObserver } from '../limits/limit-observer.ts';
import { FairSemaphore } from '../limits/fair-semaphore.ts';
import { objectOfKind, readResponse, tooLarge } from './response-body.ts';
import type { Measure, ResponseReader } from './response-body.ts';
import { CallRunner } from './call-runner.ts';
import type { CallOptions } from './call-runner.ts';
import type { ClusterConfig } from './cluster-config.ts';
import { ApiConnections } from './api-connections.ts';
import type { ClockAndRandom } from './api-connections.ts';
import type { KubeError, ProgramName } from './kube-error.ts';
import type { ObjectAdmission } from './object-admission.ts';
import { listPages, listQuery } from './list-pages.ts';
import type { KubeListPage, ObjectSelection } from './list-pages.ts';
import type { KubeObserver } from './observer.ts';
import { pathOf } from './resource-location.ts';
import type { ResourceLocation } from './resource-location.ts';
import { apiRequestLimiter } from './api-request-limiter.ts';
import type { ApiRequestLimits } from './api-request-limiter.ts';
import type { KubeTimings } from './timings.ts';
import { watchStream } from './watch-stream.ts';
import type { WatchEvent, WatchOptions } from './watch-stream.ts';

export interface KubeClientOptions {
  readonly config: ClusterConfig;
  readonly timings: KubeTimings;
  readonly clock: ClockAndRandom;
  readonly observer: KubeObserver;
  /** Value of the User-Agent header. */
  readonly userAgent: string;
  /** The program named in messages about missing permissions; absent: the driver. */
  readonly program?: ProgramName;
  /** Absent: those of the programs. */
  readonly limits?: ApiRequestLimits & { readonly connections: number };
  readonly load?: LimitObserver;
}

type ListOptions = CallOptions & { readonly admission?: ObjectAdmission };

/** Admission of objects that the cluster's operators create. */
const defaultAdmission: ObjectAdmission = { maxObjectBytes: limits.objects.otherBytes };

/**
 * Client for the calls that driver and proxy make to the API server. Calls are retried within their timeout if a retry
 * can help.
 * @throws (all calls) {KubeError} the failure; {CodedError} the signal's reason.
 */
export class KubeClient {
  readonly timings: KubeTimings;
  readonly clock: ClockAndRandom;
  readonly observer: KubeObserver;
  readonly #limits: ApiRequestLimits;
  readonly #limiter: FairSemaphore;
  readonly #pool: ApiConnections;
  readonly #runner: CallRunner;
  /** Reads of objects that are larger than their kind permits, to learn their names. */
  readonly #largeReads = new FairSemaphore({ permits: 1 });

  constructor(options: KubeClientOptions) {
    this.timings = options.timings;
    this.clock = options.clock;
    this.observer = options.observer;
    const { limits: apiLimits = limits.api, load = noLimitObserver } = options;
    this.#limits = apiLimits;
    this.#limiter = apiRequestLimiter(apiLimits, load);
    this.#pool = new ApiConnections(options.config, options.timings, options.clock, apiLimits.connections);
    this.#runner = new CallRunner(this.#pool, { ...options, limiter: this.#limiter });
  }

  /** @param measure see `readResponse`. */
  async get(location: ResourceLocation, options: CallOptions, measure?: Measure): Promise<JsonObject> {
    const target = { verb: 'get', location, query: '' } as const;
    const read: ResponseReader<JsonValue> = (...response) => readResponse(...response, measure);
    const response = await this.#runner.run(target, undefined, { ...options, isIdempotent: true }, read);
    return objectOfKind(response, location.type.kind, `GET ${pathOf(location)}`);
  }

  /** Lists objects that are few. @throws {KubeError} TooLarge if they are many. */
  async list(
    location: ResourceLocation,
    selection: ObjectSelection,
    options: CallOptions,
  ): Promise<readonly JsonObject[]> {
    const items: JsonObject[] = [];
    let readBytes = 0;
    for await (const page of this.pages(location, selection, options)) {
      items.push(...page.items);
      readBytes += page.readBytes;
      if (readBytes > limits.objects.listBytes) {
        throw tooLarge(200, `GET ${pathOf(location)}`, `the list is larger than ${limits.objects.listBytes} bytes`);
      }
    }
    return items;
  }

  /** Lists objects of any number in pages of one revision. @throws as `listPages`. */
  pages(location: ResourceLocation, selection: ObjectSelection, options: ListOptions): AsyncGenerator<KubeListPage> {
    return listPages(this.#runner, this.#largeReads, location, selection, { admission: defaultAdmission, ...options });
  }

  /**
   * Sends a POST. It is retried only if the server cannot have acted on it, or if `isIdempotent` is set. Set it if a
   * repetition is harmless, as with reviews and token requests.
   * @param body `kind` and `apiVersion` as in the response; must contain no secret.
   */
  async create(
    location: ResourceLocation,
    body: JsonObject,
    options: CallOptions & { readonly isIdempotent?: boolean },
  ): Promise<JsonObject> {
    const target = { verb: 'create', location, query: '' } as const;
    const response = await this.#runner.run(target, stringifyJson(body), options, readResponse);
    return objectOfKind(response, body['kind'], `POST ${pathOf(location)}`);
  }

  /**
   * Sends a PATCH with a JSON merge patch (RFC 7396). Include the `metadata.resourceVersion` that it is based on: then
   * a concurrent change is a 409, and a retry is harmless.
   */
  async patch(location: ResourceLocation, body: JsonObject, options: CallOptions): Promise<JsonObject> {
    const target = { verb: 'patch', location, query: '' } as const;
    const response = await this.#runner.run(
      target,
      stringifyJson(body),
      { ...options, isIdempotent: true },
      readResponse,
    );
    return objectOfKind(response, location.type.kind, `PATCH ${pathOf(location)}`);
  }

  /** Sends one WATCH request and yields its events until the server ends it. Does not retry; see Reflector. */
  watch(
    location: ResourceLocation,
    selection: ObjectSelection,
    options: Omit<WatchOptions, 'maxEventBytes'> & { readonly admission?: ObjectAdmission },
  ): AsyncGenerator<WatchEvent> {
    const { admission = defaultAdmission } = options;
    const { envelopeBytes, largestBytes } = limits.objects;
    // Without the event, the object's name would be unknown, and all objects would have to be listed.
    const maxEventBytes = selection.name === undefined ? largestBytes : admission.maxObjectBytes + envelopeBytes;
    const query = listQuery(selection, {
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: options.resourceVersion,
      timeoutSeconds: String(options.timeoutSeconds),
    });
    return watchStream(this.#runner, { verb: 'watch', location, query }, admission, { ...options, maxEventBytes });
  }

  /** Requests in flight and in the queue. */
  get load(): LimitUsage {
    const { inFlight, waiting } = this.#limits;
    return { used: this.#limiter.running + this.#limiter.waiting, capacity: inFlight + waiting };
  }

  /** Why the API server did not respond to the last call; undefined if it did. */
  get problem(): KubeError | undefined {
    return this.#runner.problem;
  }

  /**
   * Waits briefly for an optional result, or not at all while the API server does not respond. The call continues.
   * @returns undefined if there is no result by then.
   */
  withGracePeriod<T>(result: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
    return withTimeout(result, this.problem === undefined ? this.timings.gracePeriodMs : 0, signal);
  }

  /** Closes all connections and aborts what is in flight. Stop reflectors first, or they retry. */
  close(): void {
    this.#pool.close();
  }
}
