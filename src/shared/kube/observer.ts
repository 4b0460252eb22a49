/** Observer of every attempt, for metrics. Resources are `connectors`, `serviceaccounts/token` and a few more. */
export interface KubeObserver {
  /**
   * Called when a request completes, or when the response headers of a watch arrive. @param code HTTP status, or `0`
   * without a response.
   */
  request(verb: KubeVerb, resource: string, code: number, durationMs: number): void;
  watchRestart(resource: string, reason: WatchRestartReason): void;
}

export type KubeVerb = 'get' | 'list' | 'create' | 'patch' | 'watch';

/**
 * Why a watch was restarted. `ended`: gracefully by the server; `expired`: 410, relisted; `lost`: broken or stale;
 * `rejected`: an error response; `throttled`: closed because its objects change too fast.
 */
export type WatchRestartReason = 'ended' | 'expired' | 'lost' | 'rejected' | 'throttled';

export const noObserver: KubeObserver = { request: () => undefined, watchRestart: () => undefined };
