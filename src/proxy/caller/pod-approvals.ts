import type { ApprovalCase } from '../../access/access-request.js';

/** Reports what was decided about pods: with approval on, a role for a single pod counts only together with it. */
export interface PodApprovals {
  /**
   * Whether an AccessRequest of this very pod, by uid, is granted now.
   * @throws {DriverError} when the request cannot be read; the signal's reason.
   */
  isGranted(about: ApprovalCase, signal: AbortSignal): Promise<boolean>;

  /** Whether it was granted when last read, however long ago. Never waits. */
  wasGranted(about: ApprovalCase): boolean;
}
