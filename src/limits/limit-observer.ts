/** What is bounded for all pods of a node together. */
export type LimitName = 'calls' | 'late-answers' | 'watches' | 'watched-bytes' | 'api-requests' | 'connections';

/** Whose share was used up, or `displaced`: what was let in had to make room for somebody who had less. */
export type RejectionScope = 'pod' | 'namespace' | 'node' | 'displaced';

/** How much of a bound is in use, in its own unit. */
export interface LimitUsage {
  readonly used: number;
  readonly limit: number;
}

/** Told of everything that a bound refuses. */
export interface LimitObserver {
  /** @param pod `NAMESPACE/NAME`, as far as it is known. */
  refused(bound: LimitName, refusal: RejectionScope, pod: string): void;
}

export const noLimitObserver: LimitObserver = { refused: () => undefined };
