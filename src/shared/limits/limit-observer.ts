/** A limit that all pods of a node share. */
export type LimitName =
  | 'publishes'
  | 'watches'
  | 'cached_object_bytes'
  | 'volume_memory_bytes'
  | 'api_requests'
  | 'connections';

/** The share that was used up. */
export type RejectionScope = 'pod' | 'namespace' | 'node';

/** Usage of a limit, in its own unit. */
export interface LimitUsage {
  readonly used: number;
  readonly capacity: number;
}

/** Observer of everything that a limit rejects. */
export interface LimitObserver {
  /** @param pod `NAMESPACE/NAME`, as far as known. */
  rejected(limit: LimitName, scope: RejectionScope, pod: string): void;
}

export const noLimitObserver: LimitObserver = { rejected: () => undefined };
