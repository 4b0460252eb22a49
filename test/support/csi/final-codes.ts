import type { ErrorCode } from '../../../src/shared/errors.ts';

/**
 * Codes after which the kubelet assumes that the volume may be mounted: it retries, and it will call unpublish. After
 * any other code ("final") it may never call again, so the driver must undo its own work before it responds.
 */
const nonFinalCodes: ReadonlySet<ErrorCode> = new Set([
  'CANCELLED',
  'DEADLINE_EXCEEDED',
  'UNAVAILABLE',
  'RESOURCE_EXHAUSTED',
  'ABORTED',
]);

export function isFinal(code: ErrorCode): boolean {
  return !nonFinalCodes.has(code);
}
