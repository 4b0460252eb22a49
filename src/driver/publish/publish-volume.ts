import { CodedError, orCodedError, orThrow, throwIfAborted, toCodedError } from '../../shared/errors.ts';
import { audiencesOf } from '../content/volume-plan.ts';
import type { VolumeAttributes } from './attributes.ts';
import type { VolumeChange, PublishSlot } from './ports.ts';
import type { PublishDependencies } from './publish-dependencies.ts';
import type { FeatureFlags } from '../../shared/connectors/model.ts';
import { memoryOwnerOf } from './publish-request.ts';
import type { PublishCall, PublishRequest } from './publish-request.ts';
import {
  decideAccess,
  planContent,
  readConnectors,
  removeTokens,
  renderContent,
  warnAboutLifetimes,
} from './publish-steps.ts';
import type { SlotOwner } from './publish-admission.ts';
import type { Confirmation, VolumeInput } from './published-volumes.ts';
import { isSameInput, versionsOf } from './published-volumes.ts';
import { obtainTokens, tokensRequestOf } from './volume-tokens.ts';
import { ensureSameVolume, isKnownUnchanged, isUnchanged, volumeStateOf } from './volume-state.ts';
import type { VolumeState } from './volume-state.ts';

export interface PublishOutcome {
  readonly path: VolumeChange;
  /** Milliseconds per step. */
  readonly steps: Readonly<Record<string, number>>;
}

/**
 * Publishes a volume, or refreshes a published one (the kubelet does not distinguish the two calls):
 *
 * 1. Admit the call, unless a limit is reached, and parse it.
 * 2. Take the lock of the volume.
 * 3. Return if nothing has changed since the last success, from cached objects. If the cached decision on access has
 *    expired, the API server gets a short time to respond; without a response the mounted files stay.
 * 4. Ensure that the kubelet's pod information can be trusted.
 * 5. Read the connectors, their classes and the feature flags, for pods that can read them.
 * 6. Authorize.
 * 7. Get the tokens that its proxies expect. If only cached decisions had expired and nothing has changed, return.
 * 8. Render everything in memory.
 * 9. Attach a complete volume, or rewrite the mounted one.
 * 10. Record the input.
 *
 * Steps 3 to 8 change nothing on the machine; step 9 is synchronous and undoes its own work on failure.
 *
 * A call that repeats the last one, while nothing has changed and access is cached, is answered before step 1. It waits
 * for nothing, so it needs no lock, and costs less than its rejection would.
 */
export class PublishVolume {
  readonly #deps: PublishDependencies;

  constructor(deps: PublishDependencies) {
    this.#deps = deps;
  }

  /** @throws {CodedError} only UNAVAILABLE if the volume is mounted. */
  async run(call: PublishCall, signal: AbortSignal): Promise<PublishOutcome> {
    const { volumeId, targetPath, identify, parse } = call;
    const { csiDriver, admission, locks } = this.#deps;
    if (this.#isRepeatUnchanged(call)) return this.#unchanged(targetPath);
    const result = await this.#withFailureResponse(call, () => {
      const incoming = identify(csiDriver.isKnownTrustworthy());
      // 1. Admit and parse.
      return admission.run(incoming, () => {
        const request = parse();
        // 2. Lock.
        return locks.exclusively([volumeId, targetPath], signal, (cancellation) =>
          this.#withFailureResponse(request, () => this.#publish(request, incoming, cancellation)),
        );
      });
    });
    return orThrow(result);
  }

  /**
   * Refreshes a mounted volume without a call of the kubelet, with its last request and token. A call of the kubelet
   * for the volume ends it.
   * @throws {CodedError} UNAVAILABLE; its cause is ABORTED if the kubelet calls for the volume itself, and CANCELLED if
   * the volume is gone.
   */
  async refresh(targetPath: string, signal: AbortSignal): Promise<PublishOutcome> {
    const { volumes, locks } = this.#deps;
    const volume = volumes.get(targetPath);
    if (volume === undefined) throw new CodedError('CANCELLED', 'the volume is not published any more');
    const { request } = volume;
    const { volumeId, pod } = request;
    const caller = { owner: { namespace: pod.namespace, podUid: pod.uid }, isBackground: true };
    const result = await this.#withFailureResponse(request, () =>
      locks.yieldingly([volumeId, targetPath], signal, (cancellation) =>
        this.#withFailureResponse(request, () => this.#publish(request, caller, cancellation)),
      ),
    );
    return orThrow(result);
  }

  /**
   * Returns the result of the work, or the error to respond with. That depends on the mounted volume, which is
   * inspected before its lock is released: a waiting unpublish would change it.
   */
  async #withFailureResponse<T>(
    volume: { readonly volumeId: string; readonly targetPath: string },
    work: () => Promise<T>,
  ): Promise<T | CodedError> {
    try {
      return await work();
    } catch (error) {
      return publishFailure(this.#deps, volume, error);
    }
  }

  /** Returns false also if that is not known without waiting, or if another call holds the volume's lock. */
  #isRepeatUnchanged({ volumeId, targetPath, isRepeatOf }: PublishCall): boolean {
    const { volumes, locks } = this.#deps;
    const published = volumes.get(targetPath);
    return (
      published !== undefined &&
      locks.isFree([volumeId, targetPath]) &&
      isRepeatOf(published.request) &&
      isKnownUnchanged(this.#deps, published)
    );
  }

  #unchanged(targetPath: string): PublishOutcome {
    this.#deps.volumes.confirm(targetPath, this.#confirmation('unchanged'));
    return { path: 'unchanged', steps: {} };
  }

  async #publish(request: PublishRequest, caller: SlotOwner, cancellation: AbortSignal): Promise<PublishOutcome> {
    const state = volumeStateOf(this.#deps, request.targetPath);
    if (state.kind === 'known') {
      ensureSameVolume(request, state.volume);
      // 3. Nothing changed.
      if (await isUnchanged(this.#deps, request, state.volume, cancellation))
        return this.#unchanged(request.targetPath);
    }
    return this.#deps.admission.runInSlot(caller, cancellation, async (slot) => {
      try {
        return await this.#publishChanged(request, state, slot);
      } catch (error) {
        if (this.#deps.removesRevoked && error instanceof CodedError && error.isDenial) {
          removeTokens(this.#deps, request, state, error);
        }
        throw error;
      }
    });
  }

  async #publishChanged(request: PublishRequest, state: VolumeState, slot: PublishSlot): Promise<PublishOutcome> {
    const { csiDriver, source, access, tokens, host, volumes, contentDefaults } = this.#deps;
    const { targetPath, pod, attributes } = request;
    const { signal } = slot;
    const timer = new StepTimer();

    // 4. Trust.
    if (!csiDriver.isKnownTrustworthy()) await slot.releaseWhile(() => csiDriver.ensureTrustworthy(signal));

    // 5. Read.
    const flags = source.peekFlags() ?? (await slot.releaseWhile(() => source.flags(signal)));
    ensureConnectorCount(attributes, flags);
    const authorization = { pod, connectors: attributes.connectors, flags };
    const resolved = await readConnectors(this.#deps, authorization, state, slot);
    throwIfAborted(signal);
    timer.lap('read');

    // 6. Authorize.
    const decision = await decideAccess(access, authorization, state, slot);
    throwIfAborted(signal);
    if (decision.kind === 'pending') throw new CodedError('UNAVAILABLE', decision.message);
    timer.lap('authorize');

    // 7. Tokens.
    const defaults = contentDefaults();
    const planned = planContent(decision, resolved, request, defaults);
    const audiences = 'plan' in planned ? audiencesOf(planned.plan) : [];
    const volumeTokens = await obtainTokens(tokens, tokensRequestOf(request), audiences, slot);
    throwIfAborted(signal);
    warnAboutLifetimes(this.#deps, request, volumeTokens);
    timer.lap('token');

    // Nothing changed after all.
    const mounted = state.kind === 'known' ? state.volume.input : undefined;
    const isAllowed = decision.kind === 'allowed' || (decision.kind === 'unknown' && mounted?.isAllowed === true);
    const input: VolumeInput = {
      digest: request.digest,
      versions: versionsOf(resolved),
      flags,
      tokens: volumeTokens,
      caBundle: defaults.caBundle,
      isAllowed,
    };
    if (mounted !== undefined && isSameInput(mounted, input)) {
      volumes.put({ request, input }, this.#confirmation('unchanged'));
      access.retain(request.volumeId, authorization);
      return { path: 'unchanged', steps: timer.steps };
    }
    if (decision.kind === 'unknown') throw decision.cause;

    // 8. Render.
    const content = await renderContent(this.#deps, request, planned, volumeTokens, defaults, slot);
    throwIfAborted(signal);
    timer.lap('render');

    // 9. Attach or rewrite. No other work of the driver runs until the volume is complete.
    const replaced = isAllowed ? 'kept' : 'removed';
    const path = host.put(targetPath, content.files, request.mountOptions, memoryOwnerOf(request), replaced);
    timer.lap('write');

    // 10. Record.
    volumes.put({ request, input }, this.#confirmation(path));
    source.retain(request.volumeId, attributes.connectors, slot.owner);
    access.retain(request.volumeId, authorization);
    return { path, steps: timer.steps };
  }

  #confirmation(outcome: VolumeChange): Confirmation {
    return { outcome, atMs: this.#deps.clock.now() };
  }
}

function ensureConnectorCount({ connectors }: VolumeAttributes, flags: FeatureFlags): void {
  if (connectors.length > 1 && !flags.multiConnector) {
    const message = `attribute "connectors" names ${connectors.length} connectors, but enable-multi-connector is "false" in ConfigMap connectors-config: name one, or set the flag to "true"`;
    throw new CodedError('FAILED_PRECONDITION', message);
  }
}

/** Milliseconds of each step of a call, rounded to hundredths. */
class StepTimer {
  readonly steps: Record<string, number> = {};
  #last = performance.now();

  /** Ends the step that began with the previous lap. */
  lap(step: string): void {
    const now = performance.now();
    this.steps[step] = Math.round((now - this.#last) * 100) / 100;
    this.#last = now;
  }
}

/**
 * Returns the response to a failed publish. On a mounted volume it is always UNAVAILABLE: the kubelet keeps the volume,
 * creates an event, and retries. A final code would make some kubelets unmount a volume in use. So it is UNAVAILABLE
 * also if the target cannot be inspected, for example without a free descriptor.
 */
function publishFailure(
  deps: Pick<PublishDependencies, 'host' | 'volumes' | 'clock'>,
  { volumeId, targetPath }: { readonly volumeId: string; readonly targetPath: string },
  error: unknown,
): CodedError {
  const { volumes, clock } = deps;
  const cause = toCodedError(error, 'the driver failed unexpectedly; see its log');
  const reason = `${cause.code}: ${cause.message}`;
  const state = orCodedError(() => volumeStateOf(deps, targetPath));
  const published = volumes.get(targetPath);
  if (state instanceof CodedError) {
    // No volume can be at such a path.
    if (state.code === 'INVALID_ARGUMENT') return cause;
    if (published === undefined)
      return new CodedError('UNAVAILABLE', `the target path cannot be checked: ${reason}`, { cause });
  } else if (state.kind === 'new') return cause;
  if (published !== undefined && published.request.volumeId !== volumeId) return cause;
  if (cause.code !== 'ABORTED' && cause.code !== 'CANCELLED') volumes.recordFailure(targetPath, cause, clock.now());
  const kept = volumes.isWithoutTokens(targetPath)
    ? 'the tokens were taken out of the mounted files'
    : 'the mounted files are kept';
  return new CodedError('UNAVAILABLE', `refresh failed, ${kept}: ${reason}`, { cause });
}
