import { abortError } from '../errors.js';
import type { JsonObject } from '../json.js';
import type { Log } from '../log.js';
import { pause } from '../abortable.js';
import { backoffMs } from './backoff.js';
import type { KubeClient, Selection } from './kube-client.js';
import { KubeError } from './kube-error.js';
import { metadataText } from './kube-object.js';
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
}

/** From here on a watch that cannot be resumed is replaced by a new list. */
const relistAfterFailures = 5;
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

  constructor(client: KubeClient, target: ReflectorTarget, log: Log) {
    this.#client = client;
    this.#target = target;
    this.#log = log;
    this.#selection = target.name === undefined ? {} : { fieldSelector: `metadata.name=${target.name}` };
  }

  /** Idempotent. */
  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    void this.#run(this.#stopping.signal);
  }

  /** Ends the watch; the state stays as it is and changes no more. Waiters get CANCELLED. */
  stop(): void {
    this.#stopping.abort();
    this.state.abandon(abortError(this.#stopping.signal));
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const round = await this.#round(signal);
      // Not narrowed by the loop's condition: it may have been stopped meanwhile.
      if (this.#stopping.signal.aborted) return;
      this.#client.observer.watchRestart(this.#target.type.plural, round.reason);
      const delayMs = this.#delayAfter(round);
      if (delayMs > 0) await pause(delayMs, signal).catch(() => undefined);
    }
  }

  /** Lists when that is needed, then watches until the stream is over. */
  async #round(signal: AbortSignal): Promise<Round> {
    const { now } = this.#client.chance;
    // Until it is open, what takes long is not a watch that lives but an answer that does not come.
    let openedMs = Infinity;
    let events = 0;
    let error: unknown;
    try {
      this.#resourceVersion ??= await this.#list(signal);
      for await (const event of this.#watch(this.#resourceVersion, () => (openedMs = now()), signal)) {
        this.#apply(event);
        events += 1;
      }
    } catch (caught) {
      error = caught;
    }
    const reason = reasonFor(error);
    if (reason === 'expired' || isMisunderstanding(error)) this.#resourceVersion = undefined;
    const hasLasted = now() - openedMs >= this.#client.timings.watchHealthyMs;
    if (!signal.aborted) this.state.disconnected(now(), error);
    return { reason, isHealthy: hasLasted || events > 0, isDue: hasLasted && reason === 'ended', error };
  }

  async #list(signal: AbortSignal): Promise<string> {
    const { type, namespace } = this.#target;
    const location = { type, ...(namespace === undefined ? {} : { namespace }) };
    const list = await this.#client.list(location, this.#selection, { signal, retry: false });
    this.state.replace(list.items.filter((item) => this.#isWanted(item)));
    return list.resourceVersion;
  }

  #watch(resourceVersion: string, onOpen: () => void, signal: AbortSignal): AsyncGenerator<WatchEvent> {
    const { type, namespace } = this.#target;
    const { watchMinSeconds, watchMaxSeconds } = this.#client.timings;
    const spreadSeconds = Math.floor(this.#client.chance.random() * (watchMaxSeconds - watchMinSeconds));
    return this.#client.watch({ type, ...(namespace === undefined ? {} : { namespace }) }, this.#selection, {
      signal,
      resourceVersion,
      timeoutSeconds: watchMinSeconds + spreadSeconds,
      onOpen: () => {
        onOpen();
        if (this.#failures >= warnAfterFailures) this.#log.info('watch works again', this.#fields());
        this.state.connected();
      },
    });
  }

  #apply(event: WatchEvent): void {
    if (event.type !== 'BOOKMARK' && this.#isWanted(event.object)) {
      this.state.apply(event.object, event.type === 'DELETED');
    }
    this.#resourceVersion = event.resourceVersion;
  }

  /**
   * Access is checked for the name that was asked for, so nothing else may be taken for it. Servers behind the
   * aggregation layer are free to ignore field selectors.
   */
  #isWanted(object: JsonObject): boolean {
    const { namespace, name } = this.#target;
    return (
      (name === undefined || metadataText(object, 'name') === name) &&
      (namespace === undefined || metadataText(object, 'namespace') === namespace)
    );
  }

  /** Milliseconds to wait before the next round; counts failures. */
  #delayAfter({ reason, isHealthy, isDue, error }: Round): number {
    const { timings, chance } = this.#client;
    if (isHealthy) this.#failures = 0;
    // A server that stops ends the watches of all nodes together.
    if (isDue) return chance.random() * timings.watchBaseMs;
    this.#failures += 1;
    if (this.#failures >= relistAfterFailures) this.#resourceVersion = undefined;
    const capMs = this.state.isSynced ? timings.watchCapMs : timings.watchFirstCapMs;
    // Not for longer than without it: meanwhile nobody hears of changes.
    const retryAfterMs = Math.min(capMs, error instanceof KubeError ? (error.retryAfterMs ?? 0) : 0);
    const delayMs = retryAfterMs + backoffMs(this.#failures, timings.watchBaseMs, capMs, chance.random);
    const isNews = this.#failures === warnAfterFailures || (this.#failures === 1 && reason === 'refused');
    const fields = { ...this.#fields(), attempt: this.#failures, delayMs: Math.round(delayMs), error };
    if (isNews) this.#log.warn('watch fails', fields);
    else this.#log.debug('watch is restarted', fields);
    return delayMs;
  }

  #fields(): { readonly path: string; readonly kind: string; readonly name?: string } {
    const { type, namespace, name } = this.#target;
    const path = pathOf({ type, ...(namespace === undefined ? {} : { namespace }) });
    return { path, kind: labelOf({ type }), ...(name === undefined ? {} : { name }) };
  }
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
  if (!(error instanceof KubeError)) return error !== undefined;
  return !error.isTransient && error.code !== 401 && error.code !== 403;
}
