import type { AccessControl } from '../../access/access-control.js';
import type { ConnectorSource } from '../../connectors/connector-source.js';
import { DriverError, asDriverError } from '../../errors.js';
import type { Log } from '../../log.js';
import type { PublishRequest } from './publish-request.js';
import type { PublishOutcome } from './publish-volume.js';
import type { PublishedVolume, PublishedVolumes } from './published-volumes.js';
import { RefreshBudget } from './refresh-budget.js';
import { firstExpiryMs } from './volume-tokens.js';

export interface RefreshOnChangeDependencies {
  readonly volumes: PublishedVolumes;
  readonly source: Pick<ConnectorSource, 'peek' | 'peekFlags'>;
  readonly access: Pick<AccessControl, 'isKnownDenied' | 'approvalStates'>;
  /** The driver-wide CA bundle as it is now. */
  readonly caBundle: () => string | undefined;
  readonly refresh: (volume: PublishedVolume, signal: AbortSignal) => Promise<PublishOutcome>;
  readonly observer: RefreshObserver;
  /** A clock in milliseconds that is never set. */
  readonly steadyNow: () => number;
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
  /** A volume is not rewritten more often, however often its objects are edited. */
  perVolumeMs: 1000,
  /** What many volumes are spread over, and the most that lies between two of them. */
  spreadMs: 800,
  gapMs: 8,
  /** What waits (for an object that is gone, for an answer about access) holds up no other. */
  atOnce: 32,
  /** One that waits for longer is left to the kubelet. */
  patienceMs: 10_000,
  budget: { burstMs: 600, share: 0.2 },
} as const;

/** What every refresh costs besides rendering and writing. */
const overheadMs = 0.5;

interface Pending {
  readonly dueMs: number;
  readonly changedAtMs: number;
}

/** What a volume would be made from now, by identity. */
type Basis = readonly unknown[];

interface Attempt {
  readonly volumeId: string;
  readonly atMs: number;
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
  readonly #budget: RefreshBudget;
  readonly #stopping = new AbortController();
  /** By target path, in the order of their turns. */
  readonly #pending = new Map<string, Pending>();
  /** By target path, of volumes that are still there. */
  readonly #attempts = new Map<string, Attempt>();
  readonly #running = new Set<string>();
  #scannedAtMs = -Infinity;
  #scan: NodeJS.Timeout | undefined;
  #turn: NodeJS.Timeout | undefined;

  constructor(deps: RefreshOnChangeDependencies) {
    this.#deps = deps;
    this.#budget = new RefreshBudget(pace.budget, deps.steadyNow);
  }

  /** Something may have changed; cheap, to be called at every event. */
  readonly changed = (): void => {
    if (this.#scan !== undefined || this.#stopping.signal.aborted) return;
    const changedAtMs = this.#deps.steadyNow();
    const waitMs = Math.max(0, this.#scannedAtMs + pace.scanMs - changedAtMs);
    this.#scan = setTimeout(() => {
      this.#scan = undefined;
      this.#look(changedAtMs);
    }, waitMs).unref();
  };

  stop(): void {
    this.#stopping.abort(new DriverError('UNAVAILABLE', 'the driver is stopping'));
    clearTimeout(this.#scan);
    clearTimeout(this.#turn);
    this.#pending.clear();
  }

  /** Finds the volumes that were made from something else than is there now, and gives them their turns. */
  #look(changedAtMs: number): void {
    const nowMs = this.#deps.steadyNow();
    this.#scannedAtMs = nowMs;
    this.#forgetGone();
    const found = [...this.#deps.volumes.all()].filter((volume) => this.#isToRenew(volume));
    const gapMs = Math.min(pace.gapMs, pace.spreadMs / found.length);
    for (const [index, { request }] of found.entries()) {
      const restedMs = (this.#attemptOf(request)?.atMs ?? -Infinity) + pace.perVolumeMs;
      this.#pending.set(request.targetPath, { dueMs: Math.max(nowMs + index * gapMs, restedMs), changedAtMs });
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

  /** Starts what is due, within the bounds, and comes back for the rest. */
  #next(): void {
    clearTimeout(this.#turn);
    const nowMs = this.#deps.steadyNow();
    const { waitMs } = this.#budget;
    let nextMs = Infinity;
    for (const [targetPath, pending] of this.#pending) {
      const isFree = this.#running.size < pace.atOnce && !this.#running.has(targetPath);
      if (waitMs === 0 && pending.dueMs <= nowMs && isFree) {
        this.#pending.delete(targetPath);
        void this.#run(targetPath, pending);
        // One at a time: others of the driver's calls go in between.
        nextMs = nowMs;
        break;
      }
      if (isFree) nextMs = Math.min(nextMs, Math.max(pending.dueMs, nowMs + waitMs));
    }
    if (nextMs < Infinity) this.#turn = setTimeout(() => this.#next(), nextMs - nowMs).unref();
  }

  async #run(targetPath: string, { changedAtMs }: Pending): Promise<void> {
    const { volumes, steadyNow, observer, log } = this.#deps;
    const volume = volumes.get(targetPath);
    // It was unpublished meanwhile, or the kubelet has called for it.
    if (volume === undefined || !this.#isStale(volume)) {
      this.#next();
      return;
    }
    const { request } = volume;
    const { volumeId } = request;
    const fields = { volumeId, pod: podOf(request) };
    const attempt: Attempt = { volumeId, atMs: steadyNow(), basis: this.#basisOf(volume), hasFailed: false };
    this.#attempts.set(targetPath, attempt);
    this.#running.add(targetPath);
    try {
      const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(pace.patienceMs)]);
      const { path, steps } = await this.#deps.refresh(volume, signal);
      this.#budget.spend(overheadMs + (steps['render'] ?? 0) + (steps['write'] ?? 0));
      const renewed = volumes.get(targetPath);
      // What it made no difference to is not tried again.
      const isDone = renewed === undefined || !this.#isStale(renewed);
      if (isDone) this.#attempts.set(targetPath, { ...attempt, basis: undefined });
      const durationMs = Math.round(steadyNow() - changedAtMs);
      observer.refreshedOnChange(path === 'unchanged' ? 'unchanged' : 'refreshed', durationMs);
      log.info('renewed after a change', { ...fields, outcome: path, steps, durationMs });
    } catch (error) {
      this.#budget.spend(overheadMs);
      this.#attempts.set(targetPath, { ...attempt, hasFailed: true });
      this.#failed(request, changedAtMs, error);
    } finally {
      this.#running.delete(targetPath);
      this.#next();
    }
  }

  #failed(request: PublishRequest, changedAtMs: number, error: unknown): void {
    if (this.#stopping.signal.aborted) return;
    const { observer, log, steadyNow } = this.#deps;
    const failure = asDriverError(error, 'renewing the volume after a change failed unexpectedly');
    const cause = failure.cause instanceof DriverError ? failure.cause.code : failure.code;
    if (cause === 'CANCELLED') return;
    if (cause === 'ABORTED') {
      // The kubelet's own call, which may have read what was there before.
      const { targetPath, volumeId } = request;
      this.#attempts.set(targetPath, { volumeId, atMs: steadyNow(), basis: undefined, hasFailed: false });
      this.#pending.set(targetPath, { dueMs: steadyNow() + pace.perVolumeMs, changedAtMs });
      return;
    }
    observer.refreshedOnChange('failed', Math.round(steadyNow() - changedAtMs));
    const { volumeId } = request;
    log.warn('a volume could not be renewed after a change', { volumeId, pod: podOf(request), error: failure });
  }
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
