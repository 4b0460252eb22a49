import type { FlowKey } from './flow-key.js';

/** A call of the kubelet in progress. */
export interface Call {
  /** The pod that causes the call. */
  readonly owner: FlowKey;
  /** Aborts when the result is no longer needed. `signal.reason` is a CodedError. */
  readonly signal: AbortSignal;
  /** Set if no client waits for the result. Then the call does not wait for a missing object. */
  readonly isBackground?: boolean;
  /** Releases the call's slot during a wait, such as for an approval or a missing object. */
  releaseSlotWhile<T>(wait: () => Promise<T>): Promise<T>;
}
