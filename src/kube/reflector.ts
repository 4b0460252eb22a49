import { abortError, CodedError } from '../errors.js';
import type { JsonObject } from '../json.js';
import type { FlowKey } from '../limits/flow-key.js';
import type { TokenBucket } from '../limits/token-bucket.js';
import type { Log } from '../log.js';
import { sleep } from '../abortable.js';
import { backoffMs } from './backoff.js';
import type { KubeClient, Selection } from './kube-client.js';
import { KubeError } from './kube-error.js';
import { metadataText, objectKey } from './kube-object.js';
import type { ObjectAdmission } from './object-admission.js';
import { labelOf, pathOf } from './resource-location.js';
import type { ResourceType } from './resource-location.js';
import type { WatchRestartReason } from './observer.js';
import { ReflectedState } from './reflected-state.js';
import type { WatchEvent } from './watch-stream.js';

export interface ReflectorTarget {
  readonly type: ResourceType;
  /** Absent: cluster-scoped, or all namespaces. */
  readonly namespace?: string;
  /** One object by its name; absent: all. */
  readonly name?: string;
  /** `key=value`; absent: whatever the labels. */
  readonly labelSelector?: string;
  /** Absent: objects of the usual size, without counting them. */
  readonly screen?: ObjectAdmission;
  /** The pod that it is for; absent: the driver itself. */
  readonly owner?: FlowKey;
  /** How fast they may come; beyond it the watch is left and, when time has paid for what came, the newest state read. */
  readonly rateLimiter?: TokenBucket;
}

/** From here on a watch that cannot be resumed is replaced by a new list. */
const relistAfterFailures = 5;
/** How long a watch that brought too much is left alone at least; what it would have told is read in one go then. */
const minPauseMs = 1000;
/** From here on failures are worth a line in the log. */
const warnAfterFailures = 3;

/**
 * Keeps `state` equal to a set of objects at the API server: LIST, then WATCH from the list's revision, resumed from
 * the last event or bookmark seen whenever the stream ends or breaks, listed anew when the server no longer has that
 * part of the history. It lists even a single object, since only a list has a revision that a watch can start from
 * (an object's own may long be compacted); by name that costs the server as much as a GET.
 */
export class Reflector {
  readonly state = new ReflectedState();
  readonly #client: KubeClient;
  readonly #target: ReflectorTarget;
  readonly #selection: Selection;
  readonly #log: Log;
  readonly #stopping = new AbortController();
  #isStarted = false;
  #resourceVersion: string | undefined;
  #failures = 0;
  #isReadingAnew = false;
  #endRound: () => void = () => undefined;

  constructor(client: KubeClient, target: ReflectorTarget, log: Log) {
    this.#client = client;
    this.#target = target;
    this.#log = log;
    const { name, labelSelector } = target;
    this.#selection = {
      ...(name === undefined ? {} : { fieldSelector: `metadata.name=${name}` }),
      ...(labelSelector === undefined ? {} : { labelSelector }),
    };
  }

  /** Idempotent. */
  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    void this.#run(this.#stopping.signal);
  }

  /** Lists anew soon, for objects that were not taken and may be taken now. */
  relist(): void {
    this.#isReadingAnew = true;
    this.#endRound();
  }

  /** Ends the watch; the state stays as it is and changes no more. Waiters get CANCELLED. */
  stop(): void {
    this.#stopping.abort();
    this.state.abandon(abortError(this.#stopping.signal));
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // Somebody waits for what has never been read; what others have spent is not his doing.
      if (this.state.isSynced) await this.#waitForBudget(signal);
      const round = await this.#round(signal);
      // Not narrowed by the loop's condition: it may have been stopped meanwhile.
      if (this.#stopping.signal.aborted) return;
      this.#client.observer.watchRestart(this.#target.type.plural, round.reason);
      const delayMs = this.#delayAfter(round);
      if (delayMs > 0) await sleep(delayMs, signal).catch(() => undefined);
    }
  }

  /** Lists when that is needed, then watches until the stream is over. */
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
    // Until it is open, what takes long is not a watch that lives but an answer that does not come.
    let openedMs = Infinity;
    let events = 0;
    let isTooFast = false;
    let error: unknown;
    try {
      this.#resourceVersion ??= await this.#list(signal);
      for await (const event of this.#watch(this.#resourceVersion, () => (openedMs = now()), signal)) {
        this.#apply(event);
        events += 1;
        isTooFast = event.type !== 'BOOKMARK' && this.#spend(event.readBytes);
        if (isTooFast) break;
      }
    } catch (caught) {
      error = caught;
    }
    const isAnew = this.#isReadingAnew && signal.aborted;
    if (isAnew) error = undefined;
    this.#isReadingAnew = false;
    const reason = isTooFast ? 'throttled' : reasonFor(error);
    const lastedMs = now() - openedMs;
    const { watchHealthyMs, watchConfirmedMs } = this.#client.timings;
    // A server that was restored from a backup takes a watch from a revision that it does not have yet, and is silent.
    const isUnconfirmed = events === 0 && lastedMs >= watchConfirmedMs;
    if (isAnew || isTooFast || isUnconfirmed || reason === 'expired' || isMisunderstanding(error))
      this.#resourceVersion = undefined;
    const hasLasted = lastedMs >= watchHealthyMs;
    if (!this.#stopping.signal.aborted) this.state.disconnected(now(), error);
    return { reason, isHealthy: hasLasted || events > 0, isDue: isAnew || (hasLasted && reason === 'ended'), error };
  }

  async #list(signal: AbortSignal): Promise<string> {
    const { type, namespace } = this.#target;
    const location = { type, ...(namespace === undefined ? {} : { namespace }) };
    const { items, refused, resourceVersion, readBytes } = await this.#client.list(location, this.#selection, {
      ...this.#asTargeted(),
      signal,
      retry: false,
    });
    this.#spend(readBytes);
    this.state.confirmed(this.#client.clock.now());
    const isWanted = (item: JsonObject): boolean =>
      this.#isWanted({ namespace: metadataText(item, 'namespace'), name: metadataText(item, 'name') });
    const errors = refused.filter((each) => this.#isWanted(each)).map((each) => [keyOf(each), each.error] as const);
    this.state.replace(items.filter(isWanted), new Map(errors));
    return resourceVersion;
  }

  #watch(resourceVersion: string, onOpen: () => void, signal: AbortSignal): AsyncGenerator<WatchEvent> {
    const { type, namespace } = this.#target;
    const { watchMinSeconds, watchMaxSeconds } = this.#client.timings;
    const spreadSeconds = Math.floor(this.#client.clock.random() * (watchMaxSeconds - watchMinSeconds));
    return this.#client.watch({ type, ...(namespace === undefined ? {} : { namespace }) }, this.#selection, {
      ...this.#asTargeted(),
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
      case 'MODIFIED': {
        const { object } = event;
        const name = { namespace: metadataText(object, 'namespace'), name: metadataText(object, 'name') };
        if (this.#isWanted(name)) this.state.put(object);
        break;
      }
      case 'DELETED':
        if (this.#isWanted(event)) this.state.remove(keyOf(event));
        break;
      case 'REFUSED':
        if (this.#isWanted(event.refused)) this.state.refuse(keyOf(event.refused), event.refused.error);
        break;
      default:
    }
  }

  #asTargeted(): Pick<ReflectorTarget, 'screen' | 'owner'> {
    const { screen, owner } = this.#target;
    return { ...(screen === undefined ? {} : { screen }), ...(owner === undefined ? {} : { owner }) };
  }

  /** @returns whether more has come than may. */
  #spend(bytes: number): boolean {
    const { rateLimiter } = this.#target;
    rateLimiter?.consume(bytes);
    return rateLimiter !== undefined && rateLimiter.delayMs(0) > 0;
  }

  /** Others may spend what this one waits for. */
  async #waitForBudget(signal: AbortSignal): Promise<void> {
    const { rateLimiter } = this.#target;
    while (rateLimiter !== undefined && rateLimiter.delayMs(0) > 0 && !signal.aborted) {
      await sleep(Math.max(minPauseMs, rateLimiter.delayMs(0)), signal).catch(() => undefined);
    }
  }

  /**
   * Access is checked for the name that was asked for, so nothing else may be taken for it. Servers behind the
   * aggregation layer are free to ignore field selectors.
   */
  #isWanted(object: { readonly namespace: string | undefined; readonly name: string | undefined }): boolean {
    const { namespace, name } = this.#target;
    return (name === undefined || object.name === name) && (namespace === undefined || object.namespace === namespace);
  }

  /** Milliseconds to wait before the next round; counts failures. */
  #delayAfter({ reason, isHealthy, isDue, error }: Round): number {
    const { timings, clock } = this.#client;
    if (isHealthy) this.#failures = 0;
    // What it waits for is paid for before the next round.
    if (reason === 'throttled') return 0;
    // A server that stops ends the watches of all nodes together.
    if (isDue) return clock.random() * timings.watchBaseMs;
    this.#failures += 1;
    if (this.#failures >= relistAfterFailures) this.#resourceVersion = undefined;
    const capMs = this.state.isSynced ? timings.watchCapMs : timings.watchFirstCapMs;
    // Not for longer than without it: meanwhile nobody hears of changes.
    const retryAfterMs = Math.min(capMs, error instanceof KubeError ? (error.retryAfterMs ?? 0) : 0);
    const delayMs = retryAfterMs + backoffMs(this.#failures, timings.watchBaseMs, capMs, clock.random);
    const isNews = this.#failures === warnAfterFailures || (this.#failures === 1 && reason === 'refused');
    const fields = { ...this.#fields(), attempt: this.#failures, delayMs: Math.round(delayMs), error };
    if (isNews) this.#log.warn('Watch failing', fields);
    else this.#log.debug('Watch restarted', fields);
    return delayMs;
  }

  #fields(): { readonly path: string; readonly kind: string; readonly name?: string } {
    const { type, namespace, name } = this.#target;
    const path = pathOf({ type, ...(namespace === undefined ? {} : { namespace }) });
    return { path, kind: labelOf({ type }), ...(name === undefined ? {} : { name }) };
  }
}

function keyOf({
  namespace,
  name = '',
}: {
  readonly namespace: string | undefined;
  readonly name: string | undefined;
}): string {
  return objectKey({ namespace, name });
}

interface Round {
  readonly reason: WatchRestartReason;
  /** Ends a row of failures. */
  readonly isHealthy: boolean;
  /** The server ended a watch that had lived, so that the next one need hardly wait. */
  readonly isDue: boolean;
  /** Undefined when the server ended the stream. */
  readonly error: unknown;
}

function reasonFor(error: unknown): WatchRestartReason {
  if (error === undefined) return 'ended';
  if (!(error instanceof KubeError)) return 'refused';
  if (error.isExpired) return 'expired';
  return error.code === 0 ? 'lost' : 'refused';
}

/** Neither a broken connection nor a refusal says that the history is gone; after anything else a list sets it right. */
function isMisunderstanding(error: unknown): boolean {
  // A failure of the driver's own: no turn among its requests.
  if (error === undefined || error instanceof CodedError) return false;
  if (!(error instanceof KubeError)) return true;
  return !error.isTransient && error.code !== 401 && error.code !== 403;
}
