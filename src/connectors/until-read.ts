import { DriverError } from '../errors.js';
import { driverFailure } from '../kube/driver-failure.js';
import { isKubeError } from '../kube/kube-error.js';
import type { ReflectedState } from '../kube/reflected-state.js';

/**
 * Waits for the first answer of the API server. When the time runs out first, the error says why there was none.
 * @param doing what is waited for, such as `reading connector ci/harbor`.
 * @throws {DriverError} UNAVAILABLE; FAILED_PRECONDITION when the driver may not read the kind or there is none; or the
 * signal's reason when that is not the time.
 */
export async function untilRead(state: ReflectedState, signal: AbortSignal, doing: string): Promise<void> {
  try {
    await state.waitUntilSynced(signal);
  } catch (error) {
    // Lists of no objects are empty; what is not found is the kind itself.
    if (isKubeError(error, 404)) {
      throw new DriverError(
        'FAILED_PRECONDITION',
        `${doing} failed: the API server has no such kind: install the CustomResourceDefinitions of Connectors (${error.message})`,
        { cause: error },
      );
    }
    const isTimeOver = error instanceof DriverError && error.code === 'DEADLINE_EXCEEDED';
    throw driverFailure(isTimeOver ? (state.error ?? error) : error, doing);
  }
}

/** Why there has been no answer yet; undefined once there has been one. */
export function unreadReason(state: ReflectedState, doing: string): string | undefined {
  if (state.isSynced) return undefined;
  return state.error === undefined ? `${doing} has not ended yet` : driverFailure(state.error, doing).message;
}
