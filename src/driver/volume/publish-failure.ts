import type { Clock } from '../../clock.js';
import { DriverError, asDriverError } from '../../errors.js';
import type { TargetState, VolumeHost } from './ports.js';
import type { PublishedVolumes } from './published-volumes.js';

export interface FailureDependencies {
  readonly host: VolumeHost;
  readonly volumes: PublishedVolumes;
  readonly clock: Clock;
}

/**
 * What to answer when a publish failed. On a volume that is mounted it is UNAVAILABLE whatever the cause: the kubelet
 * keeps the volume, tells the user, and tries again. A final code would make some kubelets tear at a live volume.
 */
export function publishFailure(
  { host, volumes, clock }: FailureDependencies,
  { volumeId, targetPath }: { readonly volumeId: string; readonly targetPath: string },
  error: unknown,
): DriverError {
  const cause = asDriverError(error, 'the driver failed unexpectedly; see its log');
  const state = stateOf(host, targetPath);
  if (!isVolume(state)) {
    volumes.failed.record(targetPath, { volumeId, error: cause });
    return cause;
  }
  const known = volumes.get(targetPath);
  if (known !== undefined && known.request.volumeId !== volumeId) return cause;
  if (cause.code !== 'ABORTED' && cause.code !== 'CANCELLED') {
    volumes.recordFailure(targetPath, cause, clock.now());
  }
  const reason = `${cause.code}: ${cause.message}`;
  const message =
    state === 'published'
      ? refreshFailureText(volumes, targetPath, reason)
      : `refresh failed, the volume is not complete: ${reason}`;
  return new DriverError('UNAVAILABLE', message, { cause });
}

/** Whether a volume is at the path, complete or not. False for a path that cannot be looked at. */
export function isMounted(host: VolumeHost, targetPath: string): boolean {
  return isVolume(stateOf(host, targetPath));
}

function isVolume(state: TargetState | undefined): state is 'published' | 'incomplete' {
  return state === 'published' || state === 'incomplete';
}

/** What the pod's event says of a failed refresh. @param reason with its code. */
export function refreshFailureText(volumes: PublishedVolumes, targetPath: string, reason: string): string {
  const kept = volumes.isWithoutTokens(targetPath)
    ? 'the tokens were taken out of the mounted files'
    : 'the mounted files are kept';
  return `refresh failed, ${kept}: ${reason}`;
}

/** Undefined for a path that cannot be looked at: there is no volume of ours then. */
function stateOf(host: VolumeHost, targetPath: string): TargetState | undefined {
  try {
    return host.inspect(targetPath);
  } catch (error) {
    if (error instanceof DriverError) return undefined;
    throw error;
  }
}
