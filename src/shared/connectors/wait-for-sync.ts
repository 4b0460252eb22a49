import { CodedError } from '../errors.ts';
import { apiFailure } from '../kube/api-failure.ts';
import type { ReflectedState } from '../kube/reflected-state.ts';

/**
 * Waits for the first response of the API server. After the deadline, the error says why there was none.
 * @param doing the operation, such as `reading connector ci/harbor`.
 * @throws {CodedError} UNAVAILABLE; FAILED_PRECONDITION if the driver lacks the permission or the kind does not exist;
 * the signal's reason if it is not a deadline.
 */
export async function waitForSync(state: ReflectedState, signal: AbortSignal, doing: string): Promise<void> {
  if (state.isSynced) return;
  try {
    await state.waitUntilSynced(signal);
  } catch (error) {
    const isTimeout = error instanceof CodedError && error.code === 'DEADLINE_EXCEEDED';
    throw syncFailure(isTimeout ? (state.error ?? error) : error, doing);
  }
}

/** Returns why there has been no response yet; undefined after the first one. */
export function notSyncedReason(state: ReflectedState, doing: string): string | undefined {
  if (state.isSynced) return undefined;
  return state.error === undefined ? `${doing} has not ended yet` : syncFailure(state.error, doing).message;
}

/** Converts a failed list. @param doing the operation, such as `reading connector ci/harbor`. */
export function syncFailure(error: unknown, doing: string): CodedError {
  // A list without objects is empty. 404 means that the kind does not exist.
  return apiFailure(error, {
    doing,
    statusMappings: { 404: { code: 'FAILED_PRECONDITION', explain: missingKindText } },
  });
}

function missingKindText(message: string): string {
  return `the API server has no such kind: install the CustomResourceDefinitions of Connectors (${message})`;
}
