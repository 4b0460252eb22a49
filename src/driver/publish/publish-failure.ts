import { CodedError, toCodedError } from '../../shared/errors.ts';
import type { TargetState } from './ports.ts';
import type { PublishDependencies } from './publish-dependencies.ts';

/** `unknown`: the target cannot be inspected, and this process has not published it. */
type InspectedState = TargetState | 'unknown';

/**
 * Returns the response to a failed publish. On a mounted volume it is always UNAVAILABLE: the kubelet keeps the volume,
 * creates an event, and retries. A final code would make some kubelets unmount a volume in use. So it is UNAVAILABLE
 * also if the target cannot be inspected, for example without a free descriptor.
 */
export function publishFailure(
  { host, volumes, clock }: Pick<PublishDependencies, 'host' | 'volumes' | 'clock'>,
  { volumeId, targetPath }: { readonly volumeId: string; readonly targetPath: string },
  error: unknown,
): CodedError {
  const cause = toCodedError(error, 'the driver failed unexpectedly; see its log');
  const state = stateOf({ host, volumes }, targetPath);
  if (state === 'unknown') {
    const message = `the target path cannot be checked: ${cause.code}: ${cause.message}`;
    return new CodedError('UNAVAILABLE', message, { cause });
  }
  if (!isVolume(state)) return cause;
  const published = volumes.get(targetPath);
  if (published !== undefined && published.request.volumeId !== volumeId) return cause;
  if (cause.code !== 'ABORTED' && cause.code !== 'CANCELLED') {
    volumes.recordFailure(targetPath, cause, clock.now());
  }
  const reason = `${cause.code}: ${cause.message}`;
  const kept = volumes.isWithoutTokens(targetPath)
    ? 'the tokens were taken out of the mounted files'
    : 'the mounted files are kept';
  const message =
    state === 'published'
      ? `refresh failed, ${kept}: ${reason}`
      : `refresh failed, the volume is not complete: ${reason}`;
  return new CodedError('UNAVAILABLE', message, { cause });
}

function isVolume(state: InspectedState): state is 'published' | 'incomplete' {
  return state === 'published' || state === 'incomplete';
}

function stateOf({ host, volumes }: Pick<PublishDependencies, 'host' | 'volumes'>, targetPath: string): InspectedState {
  try {
    return host.inspect(targetPath);
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    // No volume can be at such a path.
    if (error.code === 'INVALID_ARGUMENT') return 'absent';
    return volumes.get(targetPath) === undefined ? 'unknown' : 'published';
  }
}
