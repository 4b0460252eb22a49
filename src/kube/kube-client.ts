import { stringify } from 'lossless-json';
import { isJsonObject, jsonMember } from '../json.js';
import type { JsonObject, JsonValue } from '../json.js';
import { withTimeout } from '../abortable.js';
import { limits } from '../limits/defaults.js';
import type { LimitUsage, LimitObserver } from '../limits/limit-observer.js';
import { malformed, parseBytes, readResponse, readSplitList } from './response-body.js';
import type { ResponseReader } from './response-body.js';
import { CallRunner } from './call-runner.js';
import type { CallOptions } from './call-runner.js';
import type { ClusterConfig } from './cluster-config.js';
import { ConnectionPool } from './connection-pool.js';
import type { ClockAndRandom } from './connection-pool.js';
import type { KubeError, ProgramName } from './kube-error.js';
import { parseIfAdmitted } from './object-admission.js';
import type { ObjectAdmission, RejectedObject } from './object-admission.js';
import type { SplitDocument } from './object-splitter.js';
import type { KubeObserver } from './observer.js';
import { pathOf } from './resource-location.js';
import type { ResourceLocation } from './resource-location.js';
import { ApiRequestLimiter } from './api-request-limiter.js';
import type { ApiRequestLimits } from './api-request-limiter.js';
import type { KubeTimings } from './timings.js';
import { watchStream } from './watch-stream.js';
import type { WatchEvent, WatchOptions } from './watch-stream.js';

export interface KubeClientOptions {
  readonly config: ClusterConfig;
  readonly timings: KubeTimings;
  readonly clock: ClockAndRandom;
  readonly observer: KubeObserver;
  /** Value of the User-Agent header. */
  readonly userAgent: string;
  /** The program named in messages about missing permissions; absent: the driver. */
  readonly program?: ProgramName;
  readonly limits: ApiRequestLimits & { readonly connections: number };
  readonly load: LimitObserver;
}

export interface Selection {
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
}

export interface KubeList {
  /** Revision from which a watch continues. */
  readonly resourceVersion: string;
  /** Objects with `apiVersion`, `kind`, `metadata.name` and `metadata.resourceVersion`, and without managed fields. */
  readonly items: readonly JsonObject[];
  /** Objects that exist but were not admitted. */
  readonly rejected: readonly RejectedObject[];
  /** Size of the response. */
  readonly readBytes: number;
}

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
  readonly #limiter: ApiRequestLimiter;
  readonly #pool: ConnectionPool;
  readonly #runner: CallRunner;

  constructor(options: KubeClientOptions) {
    this.timings = options.timings;
    this.clock = options.clock;
    this.observer = options.observer;
    this.#limiter = new ApiRequestLimiter(options.limits, options.load);
    this.#pool = new ConnectionPool(options.config, options.timings, options.clock, options.limits.connections);
    this.#runner = new CallRunner(this.#pool, { ...options, limiter: this.#limiter });
  }

  async get(location: ResourceLocation, options: CallOptions): Promise<JsonObject> {
    const target = { verb: 'get', location, query: '' } as const;
    const answer = await this.#runner.run(target, undefined, { ...options, isIdempotent: true }, readResponse);
    return objectOfKind(answer, location.type.kind, `GET ${pathOf(location)}`);
  }

  async list(
    location: ResourceLocation,
    selection: Selection,
    options: CallOptions & { readonly admission?: ObjectAdmission },
  ): Promise<KubeList> {
    const target = { verb: 'list', location, query: queryOf({ ...selection }) } as const;
    const { admission = defaultAdmission } = options;
    const read: ResponseReader<KubeList> = async (answer, path, credential) =>
      parseList(await readSplitList(answer, path, credential, admission.maxObjectBytes), location, admission, path);
    return this.#runner.run(target, undefined, { ...options, isIdempotent: true }, read);
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
    const answer = await this.#runner.run(target, stringify(body), options, readResponse);
    return objectOfKind(answer, body['kind'], `POST ${pathOf(location)}`);
  }

  /**
   * Sends a PATCH with a JSON merge patch (RFC 7396). Include the `metadata.resourceVersion` that it is based on: then
   * a concurrent change is a 409, and a retry is harmless.
   */
  async patch(location: ResourceLocation, body: JsonObject, options: CallOptions): Promise<JsonObject> {
    const target = { verb: 'patch', location, query: '' } as const;
    const answer = await this.#runner.run(target, stringify(body), { ...options, isIdempotent: true }, readResponse);
    return objectOfKind(answer, location.type.kind, `PATCH ${pathOf(location)}`);
  }

  /** Sends one WATCH request and yields its events until the server ends it. Does not retry; see Reflector. */
  watch(
    location: ResourceLocation,
    selection: Selection,
    options: WatchOptions & { readonly admission?: ObjectAdmission },
  ): AsyncGenerator<WatchEvent> {
    const query = queryOf({
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: options.resourceVersion,
      timeoutSeconds: String(options.timeoutSeconds),
      ...selection,
    });
    return watchStream(
      this.#runner,
      { verb: 'watch', location, query },
      options.admission ?? defaultAdmission,
      options,
    );
  }

  /** Requests in flight and in the queue. */
  get load(): LimitUsage {
    return this.#limiter.use;
  }

  /** Why the API server did not respond to the last call; undefined if it did. */
  get problem(): KubeError | undefined {
    return this.#runner.problem;
  }

  /**
   * Waits briefly for an optional result, or not at all while the API server does not respond. The call continues.
   * @returns undefined if there is no result by then.
   */
  withGracePeriod<T>(answer: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
    return withTimeout(answer, this.problem === undefined ? this.timings.gracePeriodMs : 0, signal);
  }

  /** Closes all connections and aborts what is in flight. Stop reflectors first, or they retry. */
  close(): void {
    this.#pool.close();
  }
}

function queryOf(parameters: Readonly<Record<string, string>>): string {
  const text = new URLSearchParams(parameters).toString();
  return text === '' ? '' : `?${text}`;
}

function objectOfKind(value: JsonValue, kind: JsonValue | undefined, path: string): JsonObject {
  if (!isJsonObject(value) || jsonMember(value, 'kind') !== kind) {
    throw malformed(200, path, `the answer is no ${typeof kind === 'string' ? kind : 'object of that kind'}`);
  }
  return value;
}

function parseList(
  { envelope, objects, readBytes }: SplitDocument & { readonly readBytes: number },
  { type }: ResourceLocation,
  admission: ObjectAdmission,
  path: string,
): KubeList {
  const list = objectOfKind(parseBytes(envelope, 200, path), `${type.kind}List`, path);
  const resourceVersion = jsonMember(list['metadata'], 'resourceVersion');
  if (typeof resourceVersion !== 'string' || resourceVersion === '') {
    throw malformed(200, path, 'metadata.resourceVersion of the list is missing');
  }
  const items = list['items'] ?? [];
  if (!Array.isArray(items)) throw malformed(200, path, 'items of the list is no list');
  // The splitter has replaced each object with null. Anything else is no object.
  if (items.length !== objects.length || items.some((item) => item !== null)) {
    throw malformed(200, path, 'items of the list holds something that is no object');
  }
  const admitted = objects.map((raw) => parseIfAdmitted(raw, type, admission, path));
  return {
    resourceVersion,
    items: admitted.flatMap(({ object }) => (object === undefined ? [] : [object])),
    rejected: admitted.flatMap(({ rejected }) => (rejected === undefined ? [] : [rejected])),
    readBytes,
  };
}
