import type { FlowKey } from './flow-key.js';

/** A call of the kubelet that is under way. */
export interface Call {
  /** The pod that it is for. */
  readonly owner: FlowKey;
  /** Aborted when the call is no longer wanted; `signal.reason` is a CodedError that says why. */
  readonly signal: AbortSignal;
  /** Set where no client waits for the result: an object that does not exist is then not waited for. */
  readonly isUnasked?: boolean;
  /** Waits without counting against the limit of concurrent publishes: for approvals and objects still to come. */
  releaseSlotWhile<T>(wait: () => Promise<T>): Promise<T>;
}
