import { abortError, CodedError } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import { backoffMs } from '../limits/backoff.ts';
import type { Owner } from '../limits/owner.ts';
import type { TokenBucket } from '../limits/token-bucket.ts';
import type { Log } from '../log.ts';
import { sleep } from '../abortable.ts';
import type { KubeClient } from './kube-client.ts';
import { KubeError } from './kube-error.ts';
import type { ObjectSelection } from './list-pages.ts';
import { metadataText } from './kube-object.ts';
import type { ObjectAdmission } from './object-admission.ts';
import { labelOf, pathOf } from './resource-location.ts';
import type { ResourceType } from './resource-location.ts';
import type { WatchRestartReason } from './observer.ts';
import { ReflectedState } from './reflected-state.ts';
import type { WatchEvent } from './watch-stream.ts';
import { objectKey } from '../names.ts';

export interface ReflectorTarget {
  readonly type: ResourceType;
  /** Absent: cluster-scoped, or all namespaces. */
  readonly namespace?: string;
  /** Name of one object; absent: all. */
  readonly name?: string;
  /** Selector as `key=value`; absent: all labels. */
  readonly labelSelector?: string;
  /** Absent: the usual size limit, without a memory limit. */
  readonly admission?: ObjectAdmission;
  /** The pod that needs the objects; absent: the driver itself. */
  readonly owner?: Owner;
  /** Rate limit in bytes. Over it the watch is closed, and the objects are listed once the limit permits. */
  readonly rateLimiter?: TokenBucket;
}

/** Consecutive failures after which a watch is replaced by a list. */
const relistAfterFailures = 5;
/** Minimum pause of a throttled watch. The changes of that time are read in one list. */
const minPauseMs = 1000;
/** Consecutive failures after which a warning is logged. */
const warnAfterFailures = 3;

/**
 * Keeps `state` in sync with a set of API objects, like client-go's Reflector: LIST in pages, then WATCH from the list's
 * revision. A watch that ends or breaks resumes at the last event or bookmark. If the server no longer has that
 * revision, the objects are listed again.
 *
 * A single object is listed too: its own revision may have been compacted, so that no watch can start from it. With a
 * field selector for the name, a LIST costs the server as much as a GET.
 */
export class Reflector {
  readonly state = new ReflectedState();
  readonly #client: KubeClient;
  readonly #target: ReflectorTarget;
  readonly #selection: ObjectSelection;
  readonly #log: Log;
  readonly #stopping = new AbortController();
  #isStarted = false;
  #resourceVersion: string | undefined;
  #failures = 0;
  #isRelisting = false;
  #endRound: () => void = () => undefined;

  constructor(client: KubeClient, target: ReflectorTarget, log: Log) {
    this.#client = client;
    this.#target = target;
    this.#log = log;
    const { name, labelSelector } = target;
    this.#selection = {
      ...(name === undefined ? {} : { name }),
      ...(labelSelector === undefined ? {} : { labelSelector }),
    };
  }

  /** Starts listing and watching. Idempotent. */
  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    void this.#run(this.#stopping.signal);
  }

  /** Relists soon, for objects that were rejected and can fit now. */
  relist(): void {
    this.#isRelisting = true;
    this.#endRound();
  }

  /** Ends the watch. `state` no longer changes, and waiters get CANCELLED. */
  stop(): void {
    this.#stopping.abort();
    this.state.abandon(abortError(this.#stopping.signal));
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // The first list is never throttled: its waiters did not cause the traffic.
      if (this.state.isSynced) await this.#waitForBudget(signal);
      const round = await this.#round(signal);
      // Not narrowed by the loop's condition: the reflector may have been stopped during the await.
      if (this.#stopping.signal.aborted) return;
      this.#client.observer.watchRestart(this.#target.type.plural, round.reason);
      const delayMs = this.#delayAfter(round);
      if (delayMs > 0) await sleep(delayMs, signal).catch(() => undefined);
    }
  }

  /** Lists if necessary, then watches until the stream ends. */
  async #round(signal: AbortSignal): Promise<Round> {
    const ending = new AbortController();
    const end = (): void => ending.abort(signal.reason);
    this.#endRound = end;
    signal.addEventListener('abort', end, { once: true });
    try {
      return await this.#listAndWatch(ending.signal);
    } finally {
      signal.removeEventListener('abort', end);
    }
  }

  async #listAndWatch(signal: AbortSignal): Promise<Round> {
    const { now } = this.#client.clock;
    // Before the watch is open, time spent is a missing response, not the lifetime of a watch.
    let openedMs = Infinity;
    let events = 0;
    let isThrottled = false;
    let error: unknown;
    try {
      this.#resourceVersion ??= await this.#list(signal);
      for await (const event of this.#watch(this.#resourceVersion, () => (openedMs = now()), signal)) {
        this.#apply(event);
        events += 1;
        isThrottled = event.type !== 'BOOKMARK' && this.#charge(event.readBytes);
        if (isThrottled) break;
      }
    } catch (caught) {
      error = caught;
    }
    const isRelist = this.#isRelisting && signal.aborted;
    if (isRelist) error = undefined;
    this.#isRelisting = false;
    const reason = isThrottled ? 'throttled' : reasonFor(error);
    const lastedMs = now() - openedMs;
    const { watchHealthyMs, watchConfirmedMs } = this.#client.timings;
    // A server restored from a backup accepts a watch from a future revision, and sends nothing.
    const isStale = events === 0 && lastedMs >= watchConfirmedMs;
    if (isRelist || isThrottled || isStale || reason === 'expired' || isPositionUncertain(error))
      this.#resourceVersion = undefined;
    const hasLasted = lastedMs >= watchHealthyMs;
    const isHealthy = hasLasted || events > 0;
    // A healthy watch that breaks does not show that the server cannot be reached: the next round does.
    if (!this.#stopping.signal.aborted) this.state.disconnected(isHealthy ? undefined : error);
    return { reason, isHealthy, isDue: isRelist || (hasLasted && reason === 'ended'), error };
  }

  async #list(signal: AbortSignal): Promise<string> {
    const { type, namespace } = this.#target;
    const location = { type, ...(namespace === undefined ? {} : { namespace }) };
    const options = { ...this.#targetOptions(), signal, retry: false };
    const listed = new Set<string>();
    let resourceVersion = '';
    for await (const page of this.#client.pages(location, this.#selection, options)) {
      this.#charge(page.readBytes);
      const items = page.items.filter((item) => this.#isWanted(nameIn(item)));
      const rejected = page.rejected.filter((each) => this.#isWanted(each));
      for (const each of [...items.map(nameIn), ...rejected]) listed.add(keyOf(each));
      const isLast = page.next === undefined;
      if (isLast) this.state.confirmed(this.#client.clock.now());
      const errors = new Map(rejected.map((each) => [keyOf(each), each.error]));
      this.state.putPage(items, errors, isLast ? listed : undefined);
      ({ resourceVersion } = page);
    }
    return resourceVersion;
  }

  #watch(resourceVersion: string, onOpen: () => void, signal: AbortSignal): AsyncGenerator<WatchEvent> {
    const { type, namespace } = this.#target;
    const { watchMinSeconds, watchMaxSeconds } = this.#client.timings;
    const spreadSeconds = Math.floor(this.#client.clock.random() * (watchMaxSeconds - watchMinSeconds));
    return this.#client.watch({ type, ...(namespace === undefined ? {} : { namespace }) }, this.#selection, {
      ...this.#targetOptions(),
      signal,
      resourceVersion,
      timeoutSeconds: watchMinSeconds + spreadSeconds,
      onOpen: () => {
        onOpen();
        if (this.#failures >= warnAfterFailures) this.#log.info('Watch recovered', this.#fields());
        this.state.connected();
      },
    });
  }

  #apply(event: WatchEvent): void {
    this.state.confirmed(this.#client.clock.now());
    this.#resourceVersion = event.resourceVersion ?? this.#resourceVersion;
    switch (event.type) {
      case 'ADDED':
      case 'MODIFIED':
        if (this.#isWanted(nameIn(event.object))) this.state.put(event.object);
        break;
      case 'DELETED':
        if (this.#isWanted(event)) this.state.remove(keyOf(event));
        break;
      case 'REJECTED':
        if (this.#isWanted(event.rejected)) this.state.reject(keyOf(event.rejected), event.rejected.error);
        break;
      default:
    }
  }

  #targetOptions(): Pick<ReflectorTarget, 'admission' | 'owner'> {
    const { admission, owner } = this.#target;
    return { ...(admission === undefined ? {} : { admission }), ...(owner === undefined ? {} : { owner }) };
  }

  /** Charges the bytes. @returns whether the rate limit is exceeded. */
  #charge(bytes: number): boolean {
    const { rateLimiter } = this.#target;
    rateLimiter?.charge(bytes);
    return rateLimiter !== undefined && rateLimiter.delayMs(0) > 0;
  }

  /** Waits until the rate limit permits a new list. Other reflectors can use it up meanwhile. */
  async #waitForBudget(signal: AbortSignal): Promise<void> {
    const { rateLimiter } = this.#target;
    while (rateLimiter !== undefined && rateLimiter.delayMs(0) > 0 && !signal.aborted) {
      await sleep(Math.max(minPauseMs, rateLimiter.delayMs(0)), signal).catch(() => undefined);
    }
  }

  /**
   * Reports whether the object matches the target. Access was checked for the requested name, so other objects are
   * ignored: servers behind the aggregation layer may not support field selectors.
   */
  #isWanted(object: ListedName): boolean {
    const { namespace, name } = this.#target;
    return (name === undefined || object.name === name) && (namespace === undefined || object.namespace === namespace);
  }

  /** Returns the milliseconds until the next attempt. Counts failures. */
  #delayAfter({ reason, isHealthy, isDue, error }: Round): number {
    const { timings, clock } = this.#client;
    if (isHealthy) this.#failures = 0;
    // The rate limit delays the next round.
    if (reason === 'throttled') return 0;
    // A server that stops ends the watches of all nodes together.
    if (isDue) return clock.random() * timings.watchBaseMs;
    this.#failures += 1;
    if (this.#failures >= relistAfterFailures) this.#resourceVersion = undefined;
    const capMs = this.state.isSynced ? timings.watchCapMs : timings.watchFirstCapMs;
    // The server cannot extend the delay beyond the cap, because changes go unnoticed meanwhile.
    const retryAfterMs = Math.min(capMs, error instanceof KubeError ? (error.retryAfterMs ?? 0) : 0);
    const delayMs = retryAfterMs + backoffMs(this.#failures, timings.watchBaseMs, capMs, clock.random);
    const mustWarn = this.#failures === warnAfterFailures || (this.#failures === 1 && reason === 'rejected');
    const fields = { ...this.#fields(), attempt: this.#failures, delayMs: Math.round(delayMs), error };
    if (mustWarn) this.#log.warn('Watch failing', fields);
    else this.#log.debug('Watch restarted', fields);
    return delayMs;
  }

  #fields(): { readonly path: string; readonly kind: string; readonly name?: string } {
    const { type, namespace, name } = this.#target;
    const path = pathOf({ type, ...(namespace === undefined ? {} : { namespace }) });
    return { path, kind: labelOf({ type }), ...(name === undefined ? {} : { name }) };
  }
}

interface ListedName {
  readonly namespace: string | undefined;
  readonly name: string | undefined;
}

function nameIn(object: JsonObject): ListedName {
  return { namespace: metadataText(object, 'namespace'), name: metadataText(object, 'name') };
}

function keyOf({ namespace, name = '' }: ListedName): string {
  return objectKey({ namespace, name });
}

interface Round {
  readonly reason: WatchRestartReason;
  /** Resets the count of failures. */
  readonly isHealthy: boolean;
  /** The server ended a healthy watch, or a relist was requested. The next round starts almost at once. */
  readonly isDue: boolean;
  /** Undefined if the server ended the stream. */
  readonly error: unknown;
}

function reasonFor(error: unknown): WatchRestartReason {
  if (error === undefined) return 'ended';
  if (!(error instanceof KubeError)) return 'rejected';
  if (error.isExpired) return 'expired';
  return error.code === 0 ? 'lost' : 'rejected';
}

/**
 * Reports whether the error leaves the watch's position uncertain, so that only a list can correct it. After a broken
 * connection or a rejection the position is still valid.
 */
function isPositionUncertain(error: unknown): boolean {
  // An error of the driver itself, such as a full queue of its requests.
  if (error === undefined || error instanceof CodedError) return false;
  if (!(error instanceof KubeError)) return true;
  return !error.isTransient && error.code !== 401 && error.code !== 403;
}
