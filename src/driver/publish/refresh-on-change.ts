import { setMaxListeners } from 'node:events';
import type { AccessControl } from '../../shared/access/access-control.js';
import type { ConnectorSource } from '../../shared/connectors/connector-source.js';
import { sleep } from '../../shared/abortable.js';
import { CodedError, toCodedError } from '../../shared/errors.js';
import { FairSemaphore } from '../../shared/limits/fair-semaphore.js';
import type { FlowKey } from '../../shared/limits/flow-key.js';
import { TokenBucket } from '../../shared/limits/token-bucket.js';
import { driverLimits } from '../limits.js';
import type { Log } from '../../shared/log.js';
import type { PublishRequest } from './publish-request.js';
import type { PublishOutcome } from './publish-volume.js';
import { versionsOf } from './published-volumes.js';
import type { PublishedVolume, PublishedVolumes } from './published-volumes.js';
import { firstExpiryMs } from './volume-tokens.js';

export interface RefreshOnChangeDependencies {
  readonly volumes: PublishedVolumes;
  readonly source: Pick<ConnectorSource, 'peek' | 'peekFlags'>;
  readonly access: Pick<AccessControl, 'isKnownDenied' | 'approvalStates'>;
  /** Returns the driver's current CA bundle. */
  readonly caBundle: () => string | undefined;
  /** @param onWorkDone called with the milliseconds of work in this thread, also on failure. */
  readonly refresh: (
    volume: PublishedVolume,
    signal: AbortSignal,
    onWorkDone: (workMs: number) => void,
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

/** Delays in milliseconds. */
const delays = {
  /** Changes within this time are handled by one scan. */
  scanMs: 50,
  /** The time over which many volumes are spread, and the maximum between two of them. */
  spreadMs: 800,
  gapMs: 8,
  /** A refresh that takes longer is left to the kubelet. */
  timeoutMs: 10_000,
} as const;

/** The inputs of a render of a volume now: the versions of objects, and flags and CA bundle by identity. */
type Basis = readonly unknown[];

interface Attempt {
  readonly volumeId: string;
  /** Time from which it can be refreshed again. */
  readonly cooledDownMs: number;
  /**
   * The input of the attempt, so that a failed one is not repeated at each change of another object; undefined: it
   * never started.
   */
  readonly basis: Basis | undefined;
  /** Whether the attempt failed. A later success of the kubelet's call makes this obsolete. */
  readonly hasFailed: boolean;
}

/**
 * Refreshes volumes as soon as an object that they were rendered from changes, through the same use case as the
 * kubelet's calls. Calls of the kubelet take precedence; a failed refresh is reported and left to them.
 *
 * Refreshes in flight, which mostly wait for a render in a thread or for the API server, are limited in total and per
 * namespace, and queued fairly by their work in the main thread. A budget limits this work in total.
 */
export class RefreshOnChange {
  readonly #deps: RefreshOnChangeDependencies;
  readonly #slots: FairSemaphore;
  readonly #budget: TokenBucket;
  readonly #stopping = new AbortController();
  /** Target paths of volumes whose refresh is due, waits or runs. */
  readonly #pending = new Set<string>();
  /** By target path, of volumes that still exist. */
  readonly #attempts = new Map<string, Attempt>();
  #scannedAtMs = -Infinity;
  #scan: NodeJS.Timeout | undefined;

  constructor(deps: RefreshOnChangeDependencies) {
    this.#deps = deps;
    setMaxListeners(0, this.#stopping.signal);
    const { inFlight, namespaceShare, work } = driverLimits.refreshes;
    this.#slots = new FairSemaphore({ permits: inFlight, namespaceShare });
    this.#budget = new TokenBucket(work, deps.monotonicNow);
  }

  /** Schedules a scan after a possible change. It is cheap, so it is called at every event. */
  readonly changed = (): void => {
    if (this.#scan !== undefined || this.#stopping.signal.aborted) return;
    const changedAtMs = this.#deps.monotonicNow();
    const waitMs = Math.max(0, this.#scannedAtMs + delays.scanMs - changedAtMs);
    this.#scan = setTimeout(() => {
      this.#scan = undefined;
      this.#scanVolumes(changedAtMs);
    }, waitMs).unref();
  };

  stop(): void {
    this.#stopping.abort(new CodedError('UNAVAILABLE', 'the driver is stopping'));
    clearTimeout(this.#scan);
  }

  /** Finds stale volumes and schedules their refreshes. */
  #scanVolumes(changedAtMs: number): void {
    const nowMs = this.#deps.monotonicNow();
    this.#scannedAtMs = nowMs;
    this.#dropUnpublished();
    const found = [...this.#deps.volumes.all()].filter((volume) => this.#needsRefresh(volume));
    const gapMs = Math.min(delays.gapMs, delays.spreadMs / found.length);
    for (const [index, { request }] of found.entries()) {
      this.#schedule(request, index * gapMs, changedAtMs);
    }
  }

  #schedule(request: PublishRequest, delayMs: number, changedAtMs: number): void {
    const cooledDownMs = this.#attemptOf(request)?.cooledDownMs ?? -Infinity;
    this.#pending.add(request.targetPath);
    const waitMs = Math.max(delayMs, cooledDownMs - this.#deps.monotonicNow());
    setTimeout(() => void this.#run(request, changedAtMs), waitMs).unref();
  }

  #dropUnpublished(): void {
    for (const [targetPath, { volumeId }] of this.#attempts) {
      if (this.#deps.volumes.get(targetPath)?.request.volumeId !== volumeId) this.#attempts.delete(targetPath);
    }
  }

  #attemptOf({ targetPath, volumeId }: PublishRequest): Attempt | undefined {
    const attempt = this.#attempts.get(targetPath);
    return attempt?.volumeId === volumeId ? attempt : undefined;
  }

  #needsRefresh(volume: PublishedVolume): boolean {
    const { request, input } = volume;
    if (this.#pending.has(request.targetPath)) return false;
    // A volume without a valid token cannot be rendered; the kubelet brings a new one.
    if ((firstExpiryMs(input.tokens) ?? Infinity) <= this.#deps.now()) return false;
    if (!this.#isStale(volume)) return false;
    const attempt = this.#attemptOf(request);
    if (attempt?.basis === undefined) return true;
    const isPast = attempt.hasFailed && this.#deps.volumes.failureOf(request.targetPath) === undefined;
    return isPast || !isSame(this.#basisOf(volume), attempt.basis);
  }

  #isStale(volume: PublishedVolume): boolean {
    const { flags, caBundle, versions } = volume.input;
    const { hasChanged } = this.#accessOf(volume);
    return hasChanged || !isSame(this.#objectsOf(volume), [flags, caBundle, versions]);
  }

  #basisOf(volume: PublishedVolume): Basis {
    return [this.#accessOf(volume).summary, ...this.#objectsOf(volume)];
  }

  #objectsOf({ request }: PublishedVolume): Basis {
    const { source, caBundle } = this.#deps;
    const resolved = source.peek(request.attributes.connectors);
    return [source.peekFlags(), caBundle(), resolved && versionsOf(resolved)];
  }

  /** Returns the cached state of access, and whether it differs from the one that the volume was rendered with. */
  #accessOf({ request, input }: PublishedVolume): { readonly summary: string; readonly hasChanged: boolean } {
    const { source, access } = this.#deps;
    const { pod, attributes } = request;
    const flags = source.peekFlags();
    if (flags === undefined) return { summary: '', hasChanged: false };
    const authorization = { pod, connectors: attributes.connectors, flags };
    const isDenied = input.isAllowed && access.isKnownDenied(authorization);
    const states = access.approvalStates(authorization);
    const hasDecisionChanged = input.isAllowed
      ? states.some((state) => state !== 'granted')
      : states.length > 0 && !states.includes('rejected');
    return { summary: [isDenied, ...states].join(' '), hasChanged: isDenied || hasDecisionChanged };
  }

  async #run(request: PublishRequest, changedAtMs: number): Promise<void> {
    const { volumes, monotonicNow } = this.#deps;
    const { targetPath } = request;
    const { signal } = this.#stopping;
    const release = await this.#slots.acquire(ownerOf(request), signal).catch(() => undefined);
    let workMs = 0;
    try {
      while (!signal.aborted && this.#budget.delayMs(1) > 0) {
        await sleep(this.#budget.delayMs(1), signal).catch(() => undefined);
      }
      if (signal.aborted) return;
      const volume = volumes.get(targetPath);
      // Otherwise it was unpublished meanwhile, or the kubelet has refreshed it.
      if (volume !== undefined && this.#isStale(volume)) {
        await this.#refresh(volume, changedAtMs, (spentMs) => (workMs += spentMs));
      }
    } finally {
      this.#budget.charge(driverLimits.refreshes.overheadMs + workMs);
      this.#slots.charge(ownerOf(request), workMs);
      release?.();
      this.#pending.delete(targetPath);
    }
    // Something can have changed during the refresh.
    const volume = volumes.get(targetPath);
    if (volume !== undefined && this.#needsRefresh(volume)) this.#schedule(volume.request, 0, monotonicNow());
  }

  async #refresh(volume: PublishedVolume, changedAtMs: number, onWorkDone: (workMs: number) => void): Promise<void> {
    const { volumes, monotonicNow, observer, log } = this.#deps;
    const { request } = volume;
    const { targetPath, volumeId } = request;
    const fields = { volumeId, pod: podOf(request) };
    const startMs = monotonicNow();
    const attempt: Attempt = { volumeId, cooledDownMs: startMs, basis: this.#basisOf(volume), hasFailed: false };
    this.#attempts.set(targetPath, attempt);
    try {
      const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(delays.timeoutMs)]);
      const { path, steps } = await this.#deps.refresh(volume, signal, onWorkDone);
      const refreshed = volumes.get(targetPath);
      // A refresh that left the volume stale is not repeated.
      const isDone = refreshed === undefined || !this.#isStale(refreshed);
      const cooledDownMs = startMs + cooldownMsAfter(steps['render'] ?? 0);
      this.#attempts.set(targetPath, { ...attempt, cooledDownMs, ...(isDone ? { basis: undefined } : {}) });
      const durationMs = Math.round(monotonicNow() - changedAtMs);
      observer.refreshedOnChange(path === 'unchanged' ? 'unchanged' : 'refreshed', durationMs);
      log.info('Refreshed volume after change', { ...fields, outcome: path, steps, durationMs });
    } catch (error) {
      const cooledDownMs = startMs + cooldownMsAfter(monotonicNow() - startMs);
      this.#attempts.set(targetPath, { ...attempt, cooledDownMs, hasFailed: true });
      this.#failed(request, changedAtMs, error);
    }
  }

  #failed(request: PublishRequest, changedAtMs: number, error: unknown): void {
    if (this.#stopping.signal.aborted) return;
    const { observer, log, monotonicNow } = this.#deps;
    const failure = toCodedError(error, 'refreshing the volume after a change failed unexpectedly');
    const cause = failure.cause instanceof CodedError ? failure.cause.code : failure.code;
    if (cause === 'CANCELLED') return;
    if (cause === 'ABORTED') {
      // The kubelet's own call, which may have read the objects before the change.
      const { targetPath, volumeId } = request;
      const cooledDownMs = monotonicNow() + driverLimits.refreshes.cooldownMs.least;
      this.#attempts.set(targetPath, { volumeId, cooledDownMs, basis: undefined, hasFailed: false });
      return;
    }
    observer.refreshedOnChange('failed', Math.round(monotonicNow() - changedAtMs));
    const { volumeId } = request;
    log.warn('Failed to refresh volume after change', { volumeId, pod: podOf(request), error: failure });
  }
}

/**
 * Returns how long no other refresh of a volume starts after one, however often its objects change. It limits the share
 * of time that threads work for one volume.
 */
function cooldownMsAfter(tookMs: number): number {
  const { work, cooldownMs } = driverLimits.refreshes;
  return Math.min(cooldownMs.most, Math.max(cooldownMs.least, tookMs * work.everyMs));
}

function ownerOf({ pod }: PublishRequest): FlowKey {
  return { namespace: pod.namespace, podUid: pod.uid };
}

function podOf({ pod }: PublishRequest): string {
  return `${pod.namespace}/${pod.name}`;
}

function isSame(a: Basis, b: Basis): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}
