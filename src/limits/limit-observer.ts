/** What is limited for all pods of a node together. */
export type LimitName =
  'publishes' | 'delayed_publishes' | 'watches' | 'cached_object_bytes' | 'api_requests' | 'connections';

/** Whose share was used up; `preempted`: what was admitted was ended for a holder of less. */
export type RejectionScope = 'pod' | 'namespace' | 'node' | 'preempted';

/** Usage of a limit, in its own unit. */
export interface LimitUsage {
  readonly used: number;
  readonly limit: number;
}

/** Is notified of everything that a limit rejects. */
export interface LimitObserver {
  /** @param pod `NAMESPACE/NAME`, as far as it is known. */
  refused(limit: LimitName, scope: RejectionScope, pod: string): void;
}

export const noLimitObserver: LimitObserver = { refused: () => undefined };
