/** How a wait for approvals ended. */
export type ApprovalOutcome =
  'granted' | 'rejected' | 'refused' | 'undecided' | 'cancelled' | 'flags-changed' | 'failed';

/** Told about publishes that wait for approvals; implemented by the metrics. */
export interface ApprovalObserver {
  approvalStarted(): void;
  approvalFinished(outcome: ApprovalOutcome, durationMs: number): void;
}

export const noApprovalObserver: ApprovalObserver = {
  approvalStarted: () => undefined,
  approvalFinished: () => undefined,
};
