import { setMaxListeners } from 'node:events';
import { Deadline, sleep } from '../../shared/abortable.ts';
import { CodedError, toCodedError } from '../../shared/errors.ts';
import { threadTimeMs } from '../../shared/clock.ts';
import { FairSemaphore } from '../../shared/limits/fair-semaphore.ts';
import { TokenBucket } from '../../shared/limits/token-bucket.ts';
import { driverLimits } from '../limits.ts';
import type { PublishDependencies } from './publish-dependencies.ts';
import type { PublishRequest } from './publish-request.ts';
import type { PublishOutcome } from './publish-volume.ts';
import { versionsOf } from './published-volumes.ts';
import type { PublishedVolume } from './published-volumes.ts';
import { firstExpiryMs } from './volume-tokens.ts';
import { objectKey } from '../../shared/names.ts';

interface RefreshOnChangeDependencies extends Pick<
  PublishDependencies,
  'volumes' | 'source' | 'access' | 'clock' | 'log'
> {
  /** Returns the driver's current CA bundle. */
  readonly caBundle: () => string | undefined;
  readonly refresh: (targetPath: string, signal: AbortSignal) => Promise<PublishOutcome>;
}

const monotonicNow = (): number => performance.now();

/** Changes within this time are handled by one scan, in milliseconds. */
const scanMs = 50;
/** Pause after a scan, in times of its CPU time: scans take a twentieth of the thread at most, also on a full node. */
const scanPause = 20;
/** A refresh that takes longer, in milliseconds, is left to the kubelet. */
const timeoutMs = 10_000;

/** The inputs of a render of a volume now: the versions of objects, and flags and CA bundle by identity. */
type RenderInputs = readonly unknown[];

interface Attempt {
  /** By the monotonic clock. */
  readonly atMs: number;
  /**
   * The inputs of the attempt, so that a failed one is not repeated at each change of another object; undefined: it
   * never started.
   */
  readonly inputs: RenderInputs | undefined;
  /** Whether the attempt failed. A later success of the kubelet's call makes this obsolete. */
  readonly hasFailed: boolean;
}

/**
 * Refreshes volumes as soon as an object that they were rendered from changes, through the same use case as the
 * kubelet's calls. Calls of the kubelet take precedence; a failed refresh is reported and left to them.
 *
 * Refreshes in flight, which mostly wait for a render in a thread or for the API server, are limited in total and per
 * namespace, and their rate is limited in total and for each volume.
 */
export class RefreshOnChange {
  readonly #deps: RefreshOnChangeDependencies;
  readonly #slots: FairSemaphore;
  readonly #rate: TokenBucket;
  readonly #stopping = new AbortController();
  /** Target paths of volumes whose refresh is due, waits or runs. */
  readonly #pending = new Set<string>();
  /** By target path, of volumes that still exist. */
  readonly #attempts = new Map<string, Attempt>();
  #scan: NodeJS.Timeout | undefined;
  /** End of the pause after the last scan, by the monotonic clock. */
  #pausedUntilMs = 0;

  constructor(deps: RefreshOnChangeDependencies) {
    this.#deps = deps;
    setMaxListeners(0, this.#stopping.signal);
    const { inFlight, namespaceShare, rate } = driverLimits.refreshes;
    this.#slots = new FairSemaphore({ permits: inFlight, namespaceShare });
    this.#rate = new TokenBucket(rate, monotonicNow);
  }

  /** Schedules a scan after a possible change. */
  readonly changed = (): void => {
    if (this.#scan !== undefined || this.#stopping.signal.aborted) return;
    const changedAtMs = monotonicNow();
    const waitMs = Math.max(scanMs, this.#pausedUntilMs - changedAtMs);
    this.#scan = setTimeout(() => {
      this.#scan = undefined;
      const startMs = threadTimeMs();
      this.#scanVolumes(changedAtMs);
      this.#pausedUntilMs = monotonicNow() + scanPause * (threadTimeMs() - startMs);
    }, waitMs).unref();
  };

  /** Refreshes a published volume if an object has changed after it was read, before a scan could find the volume. */
  published(targetPath: string): void {
    const volume = this.#deps.volumes.get(targetPath);
    if (volume !== undefined && this.#needsRefresh(volume)) void this.#run(volume.request, monotonicNow());
  }

  stop(): void {
    this.#stopping.abort(new CodedError('UNAVAILABLE', 'the driver is stopping'));
    clearTimeout(this.#scan);
  }

  /** Finds stale volumes and schedules their refreshes. */
  #scanVolumes(changedAtMs: number): void {
    const { volumes } = this.#deps;
    for (const targetPath of this.#attempts.keys()) {
      if (volumes.get(targetPath) === undefined) this.#attempts.delete(targetPath);
    }
    for (const volume of volumes.all()) if (this.#needsRefresh(volume)) void this.#run(volume.request, changedAtMs);
  }

  #needsRefresh(volume: PublishedVolume): boolean {
    const { targetPath } = volume.request;
    if (this.#pending.has(targetPath)) return false;
    // A volume without a valid token cannot be rendered; the kubelet brings a new one.
    if ((firstExpiryMs(volume.input.tokens) ?? Infinity) <= this.#deps.clock.now()) return false;
    if (!this.#isStale(volume)) return false;
    const attempt = this.#attempts.get(targetPath);
    if (attempt?.inputs === undefined) return true;
    const isPast = attempt.hasFailed && this.#deps.volumes.failureOf(targetPath) === undefined;
    return isPast || !isSame(this.#inputsOf(volume), attempt.inputs);
  }

  #isStale(volume: PublishedVolume): boolean {
    const { flags, caBundle, versions } = volume.input;
    const { hasChanged } = this.#accessOf(volume);
    return hasChanged || !isSame(this.#objectsOf(volume), [flags, caBundle, versions]);
  }

  #inputsOf(volume: PublishedVolume): RenderInputs {
    return [this.#accessOf(volume).summary, ...this.#objectsOf(volume)];
  }

  #objectsOf({ request }: PublishedVolume): RenderInputs {
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
    const { volumes } = this.#deps;
    const { targetPath, pod } = request;
    const { signal } = this.#stopping;
    const lastMs = this.#attempts.get(targetPath)?.atMs ?? -Infinity;
    this.#pending.add(targetPath);
    try {
      await sleep(Math.max(0, lastMs + driverLimits.refreshes.cooldownMs - monotonicNow()), signal);
      await this.#slots.run({ namespace: pod.namespace, podUid: pod.uid }, signal, async () => {
        await sleep(this.#rate.acquireLater(Infinity), signal);
        const volume = volumes.get(targetPath);
        // Otherwise it was unpublished meanwhile, or the kubelet has refreshed it.
        if (volume !== undefined && this.#isStale(volume)) await this.#refresh(volume, changedAtMs);
      });
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    } finally {
      this.#pending.delete(targetPath);
    }
    // Something can have changed during the refresh.
    this.published(targetPath);
  }

  async #refresh(volume: PublishedVolume, changedAtMs: number): Promise<void> {
    const { volumes, log } = this.#deps;
    const { targetPath, volumeId, pod } = volume.request;
    const fields = { volumeId, pod: objectKey(pod) };
    const attempt: Attempt = { atMs: monotonicNow(), inputs: this.#inputsOf(volume), hasFailed: false };
    this.#attempts.set(targetPath, attempt);
    const deadline = Deadline.start(this.#stopping.signal, timeoutMs, monotonicNow);
    try {
      const { path, steps } = await this.#deps.refresh(targetPath, deadline.signal);
      const refreshed = volumes.get(targetPath);
      // A refresh that left the volume stale is not repeated.
      if (refreshed === undefined || !this.#isStale(refreshed)) {
        this.#attempts.set(targetPath, { ...attempt, inputs: undefined });
      }
      const durationMs = Math.round(monotonicNow() - changedAtMs);
      log.info('Refreshed volume after change', { ...fields, outcome: path, steps, durationMs });
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      const failure = toCodedError(error, 'refreshing the volume after a change failed unexpectedly');
      const cause = failure.cause instanceof CodedError ? failure.cause.code : failure.code;
      // After ABORTED it was the turn of the kubelet's call, which may have read the objects before the change.
      if (cause === 'ABORTED') this.#attempts.set(targetPath, { ...attempt, inputs: undefined });
      else this.#attempts.set(targetPath, { ...attempt, hasFailed: true });
      if (cause === 'ABORTED' || cause === 'CANCELLED') return;
      log.warn('Failed to refresh volume after change', { ...fields, error: failure });
    } finally {
      deadline.done();
    }
  }
}

function isSame(a: RenderInputs, b: RenderInputs): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}
