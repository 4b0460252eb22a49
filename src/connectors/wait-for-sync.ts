import { CodedError } from '../errors.js';
import { apiFailure } from '../kube/api-failure.js';
import type { ReflectedState } from '../kube/reflected-state.js';

/**
 * Waits for the first answer of the API server. When the time runs out first, the error says why there was none.
 * @param doing what is waited for, such as `reading connector ci/harbor`.
 * @throws {CodedError} UNAVAILABLE; FAILED_PRECONDITION when the driver may not read the kind or there is none; or the
 * signal's reason when that is not the time.
 */
export async function waitForSync(state: ReflectedState, signal: AbortSignal, doing: string): Promise<void> {
  try {
    await state.waitUntilSynced(signal);
  } catch (error) {
    const isTimeOver = error instanceof CodedError && error.code === 'DEADLINE_EXCEEDED';
    throw syncFailure(isTimeOver ? (state.error ?? error) : error, doing);
  }
}

/** Why there has been no answer yet; undefined once there has been one. */
export function notSyncedReason(state: ReflectedState, doing: string): string | undefined {
  if (state.isSynced) return undefined;
  return state.error === undefined ? `${doing} has not ended yet` : syncFailure(state.error, doing).message;
}

/** @param doing such as `reading connector ci/harbor`. */
export function syncFailure(error: unknown, doing: string): CodedError {
  // Lists of no objects are empty; what is not found is the kind itself.
  return apiFailure(error, { doing, statusMappings: { 404: { code: 'FAILED_PRECONDITION', explain: withoutKind } } });
}

function withoutKind(answer: string): string {
  return `the API server has no such kind: install the CustomResourceDefinitions of Connectors (${answer})`;
}
