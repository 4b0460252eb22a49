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
import type { Asker, KubeError } from './kube-error.js';
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
  /** User-Agent. */
  readonly userAgent: string;
  /** For messages about its rights; the driver unless given. */
  readonly asker?: Asker;
  readonly limits: ApiRequestLimits & { readonly connections: number };
  readonly load: LimitObserver;
}

export interface Selection {
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
}

export interface KubeList {
  /** Where a watch goes on from. */
  readonly resourceVersion: string;
  /** Each with `apiVersion`, `kind`, `metadata.name` and `metadata.resourceVersion`, and without managed fields. */
  readonly items: readonly JsonObject[];
  /** What is there but has not been taken. */
  readonly refused: readonly RejectedObject[];
  /** Of the answer. */
  readonly readBytes: number;
}

/** For objects that the cluster's own people make. */
const usualScreen: ObjectAdmission = { maxObjectBytes: limits.objects.otherBytes };

/**
 * The few calls that driver and proxy make to the API server. All of them retry what is worth it, within their time.
 * @throws (all calls) {KubeError} what went wrong; {CodedError} the signal's reason when it aborts.
 */
export class KubeClient {
  readonly timings: KubeTimings;
  readonly clock: ClockAndRandom;
  readonly observer: KubeObserver;
  readonly #gate: ApiRequestLimiter;
  readonly #pool: ConnectionPool;
  readonly #runner: CallRunner;

  constructor(options: KubeClientOptions) {
    this.timings = options.timings;
    this.clock = options.clock;
    this.observer = options.observer;
    this.#gate = new ApiRequestLimiter(options.limits, options.load);
    this.#pool = new ConnectionPool(options.config, options.timings, options.clock, options.limits.connections);
    this.#runner = new CallRunner(this.#pool, { ...options, gate: this.#gate });
  }

  async get(location: ResourceLocation, options: CallOptions): Promise<JsonObject> {
    const target = { verb: 'get', location, query: '' } as const;
    const answer = await this.#runner.run(target, undefined, { ...options, isIdempotent: true }, readResponse);
    return objectOfKind(answer, location.type.kind, `GET ${pathOf(location)}`);
  }

  async list(
    location: ResourceLocation,
    selection: Selection,
    options: CallOptions & { readonly screen?: ObjectAdmission },
  ): Promise<KubeList> {
    const target = { verb: 'list', location, query: queryOf({ ...selection }) } as const;
    const { screen = usualScreen } = options;
    const read: ResponseReader<KubeList> = async (answer, path, credential) =>
      parseList(await readSplitList(answer, path, credential, screen.maxObjectBytes), location, screen, path);
    return this.#runner.run(target, undefined, { ...options, isIdempotent: true }, read);
  }

  /**
   * POST. Repeated after a failure only when the server cannot have acted on it, unless `isIdempotent` says that doing
   * it twice is harmless, as with reviews and token requests.
   * @param body `kind` and `apiVersion` as in the answer; must hold no secret.
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
   * PATCH by a JSON merge patch (RFC 7396). With the `metadata.resourceVersion` that it was made from in it, a change of
   * anybody else's meanwhile is a 409, and to repeat it after a failure is harmless.
   */
  async patch(location: ResourceLocation, body: JsonObject, options: CallOptions): Promise<JsonObject> {
    const target = { verb: 'patch', location, query: '' } as const;
    const answer = await this.#runner.run(target, stringify(body), { ...options, isIdempotent: true }, readResponse);
    return objectOfKind(answer, location.type.kind, `PATCH ${pathOf(location)}`);
  }

  /** One WATCH request: its events until the server ends it. Does not retry; see Reflector. */
  watch(
    location: ResourceLocation,
    selection: Selection,
    options: WatchOptions & { readonly screen?: ObjectAdmission },
  ): AsyncGenerator<WatchEvent> {
    const query = queryOf({
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: options.resourceVersion,
      timeoutSeconds: String(options.timeoutSeconds),
      ...selection,
    });
    return watchStream(this.#runner, { verb: 'watch', location, query }, options.screen ?? usualScreen, options);
  }

  /** Requests that are under way or wait for their turn. */
  get load(): LimitUsage {
    return this.#gate.use;
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#pool.count;
  }

  /** Why the API server did not answer when it was last asked; undefined when it did. */
  get problem(): KubeError | undefined {
    return this.#runner.problem;
  }

  /**
   * What comes of an answer that can be done without: it is given a moment, and not even that while the API server does
   * not answer. The call goes on.
   * @returns undefined when there was none by then.
   */
  withGracePeriod<T>(answer: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
    return withTimeout(answer, this.problem === undefined ? this.timings.gracePeriodMs : 0, signal);
  }

  /** Breaks everything that is under way. Reflectors are to be stopped first: they would go on trying. */
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
  screen: ObjectAdmission,
  path: string,
): KubeList {
  const list = objectOfKind(parseBytes(envelope, 200, path), `${type.kind}List`, path);
  const resourceVersion = jsonMember(list['metadata'], 'resourceVersion');
  if (typeof resourceVersion !== 'string' || resourceVersion === '') {
    throw malformed(200, path, 'metadata.resourceVersion of the list is missing');
  }
  const items = list['items'] ?? [];
  if (!Array.isArray(items)) throw malformed(200, path, 'items of the list is no list');
  // Each object has been taken out; what is left between the commas is none.
  if (items.length !== objects.length || items.some((item) => item !== null)) {
    throw malformed(200, path, 'items of the list holds something that is no object');
  }
  const screened = objects.map((raw) => parseIfAdmitted(raw, type, screen, path));
  return {
    resourceVersion,
    items: screened.flatMap(({ object }) => (object === undefined ? [] : [object])),
    refused: screened.flatMap(({ refused }) => (refused === undefined ? [] : [refused])),
    readBytes,
  };
}
