import type { AccessControl } from '../../access/access-control.js';
import type { ConnectorSource } from '../../connectors/connector-source.js';
import { CodedError, toCodedError } from '../../errors.js';
import type { FlowKey } from '../../limits/flow-key.js';
import { limits } from '../../limits/defaults.js';
import type { Log } from '../../log.js';
import type { PublishRequest } from './publish-request.js';
import type { PublishOutcome } from './publish-volume.js';
import type { PublishedVolume, PublishedVolumes } from './published-volumes.js';
import { RefreshTurns } from './refresh-turns.js';
import type { RefreshTurn } from './refresh-turns.js';
import { firstExpiryMs } from './volume-tokens.js';

export interface RefreshOnChangeDependencies {
  readonly volumes: PublishedVolumes;
  readonly source: Pick<ConnectorSource, 'peek' | 'peekFlags'>;
  readonly access: Pick<AccessControl, 'isKnownDenied' | 'approvalStates'>;
  /** The driver-wide CA bundle as it is now. */
  readonly caBundle: () => string | undefined;
  /** @param spend told how much of it was work in this thread, in milliseconds, also when it fails. */
  readonly refresh: (
    volume: PublishedVolume,
    signal: AbortSignal,
    spend: (workMs: number) => void,
  ) => Promise<PublishOutcome>;
  readonly observer: RefreshObserver;
  /** A monotonic clock in milliseconds. */
  readonly monotonicNow: () => number;
  /** Milliseconds since the epoch, for tokens. */
  readonly now: () => number;
  readonly log: Log;
}

export interface RefreshObserver {
  /** @param delayMs from the change, as the driver learned of it, to the last file. */
  refreshedOnChange(outcome: 'refreshed' | 'unchanged' | 'failed', delayMs: number): void;
}

/** Milliseconds, unless they count something. */
const pace = {
  /** Changes that come together are looked at together. */
  scanMs: 50,
  /** What many volumes are spread over, and the most that lies between two of them. */
  spreadMs: 800,
  gapMs: 8,
  /** One that waits for longer is left to the kubelet. */
  patienceMs: 10_000,
} as const;

interface Pending {
  readonly owner: FlowKey;
  readonly dueMs: number;
  readonly changedAtMs: number;
}

/** What a volume would be made from now, by identity. */
type Basis = readonly unknown[];

interface Attempt {
  readonly volumeId: string;
  /** From when on it may be refreshed again. */
  readonly restedMs: number;
  /** What was tried, so that what fails is not tried again at everybody's next change; undefined: it never began. */
  readonly basis: Basis | undefined;
  /** A success since then makes a failure a matter of the past. */
  readonly hasFailed: boolean;
}

/**
 * Renews volumes as soon as something that they were made from has changed, instead of at the kubelet's next call, by the
 * same use case. The kubelet's own calls come first; what fails here is kept visible and left to them.
 */
export class RefreshOnChange {
  readonly #deps: RefreshOnChangeDependencies;
  readonly #turns: RefreshTurns;
  readonly #stopping = new AbortController();
  /** By target path, those that have not begun. */
  readonly #pending = new Map<string, Pending>();
  /** Of the pending ones, those that wait for their turn. */
  readonly #waiting = new Set<string>();
  /** By target path, of volumes that are still there. */
  readonly #attempts = new Map<string, Attempt>();
  readonly #running = new Set<string>();
  #scannedAtMs = -Infinity;
  #scan: NodeJS.Timeout | undefined;
  #turn: NodeJS.Timeout | undefined;

  constructor(deps: RefreshOnChangeDependencies) {
    this.#deps = deps;
    this.#turns = new RefreshTurns(deps.monotonicNow);
  }

  /** Something may have changed; cheap, to be called at every event. */
  readonly changed = (): void => {
    if (this.#scan !== undefined || this.#stopping.signal.aborted) return;
    const changedAtMs = this.#deps.monotonicNow();
    const waitMs = Math.max(0, this.#scannedAtMs + pace.scanMs - changedAtMs);
    this.#scan = setTimeout(() => {
      this.#scan = undefined;
      this.#look(changedAtMs);
    }, waitMs).unref();
  };

  stop(): void {
    this.#stopping.abort(new CodedError('UNAVAILABLE', 'the driver is stopping'));
    clearTimeout(this.#scan);
    clearTimeout(this.#turn);
    this.#pending.clear();
  }

  /** Finds the volumes that were made from something else than is there now, and gives them their turns. */
  #look(changedAtMs: number): void {
    const nowMs = this.#deps.monotonicNow();
    this.#scannedAtMs = nowMs;
    this.#forgetGone();
    const found = [...this.#deps.volumes.all()].filter((volume) => this.#isToRenew(volume));
    const gapMs = Math.min(pace.gapMs, pace.spreadMs / found.length);
    for (const [index, { request }] of found.entries()) {
      const restedMs = this.#attemptOf(request)?.restedMs ?? -Infinity;
      const dueMs = Math.max(nowMs + index * gapMs, restedMs);
      this.#pending.set(request.targetPath, { owner: ownerOf(request), dueMs, changedAtMs });
    }
    this.#next();
  }

  #forgetGone(): void {
    for (const [targetPath, { volumeId }] of this.#attempts) {
      if (this.#deps.volumes.get(targetPath)?.request.volumeId !== volumeId) this.#attempts.delete(targetPath);
    }
  }

  #attemptOf({ targetPath, volumeId }: PublishRequest): Attempt | undefined {
    const attempt = this.#attempts.get(targetPath);
    return attempt?.volumeId === volumeId ? attempt : undefined;
  }

  #isToRenew(volume: PublishedVolume): boolean {
    const { request, input } = volume;
    if (this.#pending.has(request.targetPath)) return false;
    // Without a token there is nothing to make it from; the kubelet brings one.
    if ((firstExpiryMs(input.tokens) ?? Infinity) <= this.#deps.now()) return false;
    if (!this.#isStale(volume)) return false;
    const attempt = this.#attemptOf(request);
    if (attempt?.basis === undefined) return true;
    const isPast = attempt.hasFailed && this.#deps.volumes.failureOf(request.targetPath) === undefined;
    return isPast || !isSame(this.#basisOf(volume), attempt.basis);
  }

  #isStale(volume: PublishedVolume): boolean {
    const { flags, caBundle, resolved } = volume.input;
    const { isNews } = this.#accessOf(volume);
    return isNews || !isSame(this.#objectsOf(volume), objectsIn(flags, caBundle, resolved));
  }

  #basisOf(volume: PublishedVolume): Basis {
    return [this.#accessOf(volume).words, ...this.#objectsOf(volume)];
  }

  #objectsOf({ request }: PublishedVolume): Basis {
    const { source, caBundle } = this.#deps;
    return objectsIn(source.peekFlags(), caBundle(), source.peek(request.attributes.connectors));
  }

  /** What is known of access by now, and whether it is something else than the volume was made from. */
  #accessOf({ request, input }: PublishedVolume): { readonly words: string; readonly isNews: boolean } {
    const { source, access } = this.#deps;
    const { pod, attributes } = request;
    const flags = source.peekFlags();
    if (flags === undefined) return { words: '', isNews: false };
    const asked = { pod, connectors: attributes.connectors, flags };
    const isDenied = input.isAllowed && access.isKnownDenied(asked);
    const states = access.approvalStates(asked);
    const isDecisionNews = input.isAllowed
      ? states.some((state) => state !== 'granted')
      : states.length > 0 && !states.includes('rejected');
    return { words: [isDenied, ...states].join(' '), isNews: isDenied || isDecisionNews };
  }

  /** Starts what has its turn, and comes back for the rest. */
  #next(): void {
    clearTimeout(this.#turn);
    const nowMs = this.#deps.monotonicNow();
    let nextMs = Infinity;
    for (const [targetPath, { owner, dueMs }] of this.#pending) {
      if (this.#waiting.has(targetPath) || this.#running.has(targetPath)) continue;
      if (dueMs > nowMs) {
        nextMs = Math.min(nextMs, dueMs);
        continue;
      }
      this.#waiting.add(targetPath);
      this.#turns.add({ targetPath, owner });
    }
    const turn = this.#turns.next();
    if (turn !== undefined) void this.#run(turn);
    // One at a time: others of the driver's calls go in between.
    nextMs = turn === undefined ? Math.min(nextMs, nowMs + this.#turns.waitMs) : nowMs;
    if (nextMs < Infinity) this.#turn = setTimeout(() => this.#next(), nextMs - nowMs).unref();
  }

  async #run(turn: RefreshTurn): Promise<void> {
    const { targetPath } = turn;
    const pending = this.#pending.get(targetPath);
    this.#waiting.delete(targetPath);
    this.#pending.delete(targetPath);
    this.#running.add(targetPath);
    let spentMs = 0;
    try {
      const volume = this.#deps.volumes.get(targetPath);
      // Else it was unpublished meanwhile, or the kubelet has called for it.
      if (pending !== undefined && volume !== undefined && this.#isStale(volume)) {
        await this.#refresh(volume, pending.changedAtMs, (workMs) => (spentMs += workMs));
      }
    } finally {
      this.#running.delete(targetPath);
      this.#turns.end(turn, spentMs);
      this.#next();
    }
  }

  async #refresh(volume: PublishedVolume, changedAtMs: number, spend: (workMs: number) => void): Promise<void> {
    const { volumes, monotonicNow, observer, log } = this.#deps;
    const { request } = volume;
    const { targetPath, volumeId } = request;
    const fields = { volumeId, pod: podOf(request) };
    const startMs = monotonicNow();
    const attempt: Attempt = { volumeId, restedMs: startMs, basis: this.#basisOf(volume), hasFailed: false };
    this.#attempts.set(targetPath, attempt);
    try {
      const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(pace.patienceMs)]);
      const { path, steps } = await this.#deps.refresh(volume, signal, spend);
      const renewed = volumes.get(targetPath);
      // What it made no difference to is not tried again.
      const isDone = renewed === undefined || !this.#isStale(renewed);
      const restedMs = startMs + restMsAfter(steps['render'] ?? 0);
      this.#attempts.set(targetPath, { ...attempt, restedMs, ...(isDone ? { basis: undefined } : {}) });
      const durationMs = Math.round(monotonicNow() - changedAtMs);
      observer.refreshedOnChange(path === 'unchanged' ? 'unchanged' : 'refreshed', durationMs);
      log.info('Refreshed volume after change', { ...fields, outcome: path, steps, durationMs });
    } catch (error) {
      const restedMs = startMs + restMsAfter(monotonicNow() - startMs);
      this.#attempts.set(targetPath, { ...attempt, restedMs, hasFailed: true });
      this.#failed(request, changedAtMs, error);
    }
  }

  #failed(request: PublishRequest, changedAtMs: number, error: unknown): void {
    if (this.#stopping.signal.aborted) return;
    const { observer, log, monotonicNow } = this.#deps;
    const failure = toCodedError(error, 'renewing the volume after a change failed unexpectedly');
    const cause = failure.cause instanceof CodedError ? failure.cause.code : failure.code;
    if (cause === 'CANCELLED') return;
    if (cause === 'ABORTED') {
      // The kubelet's own call, which may have read what was there before.
      const { targetPath, volumeId } = request;
      const restedMs = monotonicNow() + limits.refreshes.restMs.least;
      this.#attempts.set(targetPath, { volumeId, restedMs, basis: undefined, hasFailed: false });
      this.#pending.set(targetPath, { owner: ownerOf(request), dueMs: restedMs, changedAtMs });
      return;
    }
    observer.refreshedOnChange('failed', Math.round(monotonicNow() - changedAtMs));
    const { volumeId } = request;
    log.warn('Failed to refresh volume after change', { volumeId, pod: podOf(request), error: failure });
  }
}

/**
 * How long a volume rests, counted from the start of a refresh, however often its objects are edited. Threads work for
 * a volume a share of the time at most.
 */
function restMsAfter(tookMs: number): number {
  const { work, restMs } = limits.refreshes;
  return Math.min(restMs.most, Math.max(restMs.least, tookMs * work.everyMs));
}

function ownerOf({ pod }: PublishRequest): FlowKey {
  return { namespace: pod.namespace, podUid: pod.uid };
}

function podOf({ pod }: PublishRequest): string {
  return `${pod.namespace}/${pod.name}`;
}

function objectsIn(
  flags: unknown,
  caBundle: string | undefined,
  resolved: readonly { readonly connector: unknown; readonly connectorClass: unknown }[] | undefined,
): Basis {
  const objects = resolved?.flatMap(({ connector, connectorClass }) => [connector, connectorClass]) ?? [undefined];
  return [flags, caBundle, ...objects];
}

function isSame(a: Basis, b: Basis): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}
