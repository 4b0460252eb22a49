import { stringify } from 'lossless-json';
import { isJsonObject, jsonMember } from '../json.js';
import type { JsonObject, JsonValue } from '../json.js';
import { within } from '../abortable.js';
import { malformed } from './answer-body.js';
import { CallRunner } from './call-runner.js';
import type { CallOptions } from './call-runner.js';
import type { ClusterConfig } from './cluster-config.js';
import { ConnectionPool } from './connection-pool.js';
import type { Chance } from './connection-pool.js';
import type { KubeError } from './kube-error.js';
import { isKubeObject } from './kube-object.js';
import type { KubeObserver } from './observer.js';
import { pathOf } from './resource-location.js';
import type { ResourceLocation } from './resource-location.js';
import type { KubeTimings } from './timings.js';
import { watchStream } from './watch-stream.js';
import type { WatchEvent, WatchOptions } from './watch-stream.js';

export interface KubeClientOptions {
  readonly config: ClusterConfig;
  readonly timings: KubeTimings;
  readonly chance: Chance;
  readonly observer: KubeObserver;
  /** User-Agent. */
  readonly userAgent: string;
}

export interface Selection {
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
}

export interface KubeList {
  /** Where a watch goes on from. */
  readonly resourceVersion: string;
  /** Each with `apiVersion`, `kind`, `metadata.name` and `metadata.resourceVersion`. */
  readonly items: readonly JsonObject[];
}

/**
 * The few calls that the driver makes to the API server. All of them retry what is worth it, within their time.
 * @throws (all calls) {KubeError} what went wrong; {DriverError} the signal's reason when it aborts.
 */
export class KubeClient {
  readonly timings: KubeTimings;
  readonly chance: Chance;
  readonly observer: KubeObserver;
  readonly #pool: ConnectionPool;
  readonly #runner: CallRunner;

  constructor(options: KubeClientOptions) {
    this.timings = options.timings;
    this.chance = options.chance;
    this.observer = options.observer;
    this.#pool = new ConnectionPool(options.config, options.timings, options.chance);
    this.#runner = new CallRunner(this.#pool, options);
  }

  async get(location: ResourceLocation, options: CallOptions): Promise<JsonObject> {
    const target = { verb: 'get', location, query: '' } as const;
    const answer = await this.#runner.run(target, undefined, { ...options, isIdempotent: true });
    return objectOfKind(answer, location.type.kind, `GET ${pathOf(location)}`);
  }

  async list(location: ResourceLocation, selection: Selection, options: CallOptions): Promise<KubeList> {
    const target = { verb: 'list', location, query: queryOf({ ...selection }) } as const;
    const answer = await this.#runner.run(target, undefined, { ...options, isIdempotent: true });
    return parseList(answer, location);
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
    const answer = await this.#runner.run(target, stringify(body), options);
    return objectOfKind(answer, body['kind'], `POST ${pathOf(location)}`);
  }

  /** One WATCH request: its events until the server ends it. Does not retry; see Reflector. */
  watch(location: ResourceLocation, selection: Selection, options: WatchOptions): AsyncGenerator<WatchEvent> {
    const query = queryOf({
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: options.resourceVersion,
      timeoutSeconds: String(options.timeoutSeconds),
      ...selection,
    });
    return watchStream(this.#runner, { verb: 'watch', location, query }, options);
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
  soon<T>(answer: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
    return within(answer, this.problem === undefined ? this.timings.soonMs : 0, signal);
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

function parseList(value: JsonValue, location: ResourceLocation): KubeList {
  const { apiVersion, kind } = location.type;
  const path = `GET ${pathOf(location)}`;
  const list = objectOfKind(value, `${kind}List`, path);
  const resourceVersion = jsonMember(list['metadata'], 'resourceVersion');
  if (typeof resourceVersion !== 'string' || resourceVersion === '') {
    throw malformed(200, path, 'metadata.resourceVersion of the list is missing');
  }
  const items = list['items'] ?? [];
  if (!Array.isArray(items)) throw malformed(200, path, 'items of the list is no list');
  return {
    resourceVersion,
    // Lists of built-in kinds leave kind and apiVersion out of their items.
    items: items.map((item: JsonValue, index) => {
      if (!isKubeObject(item)) throw malformed(200, path, `items[${index}] of the list is no object with metadata`);
      return { apiVersion, kind, ...item };
    }),
  };
}
