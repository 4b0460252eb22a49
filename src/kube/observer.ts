/** Told about every attempt; for metrics. Resources are `connectors`, `serviceaccounts/token`, …: a handful of values. */
export interface KubeObserver {
  /** @param code HTTP status, or `0` when there was no answer. For a watch: once its headers are there. */
  request(verb: KubeVerb, resource: string, code: number, durationMs: number): void;
  watchRestart(resource: string, reason: WatchRestartReason): void;
}

export type KubeVerb = 'get' | 'list' | 'create' | 'patch' | 'watch';

/**
 * `ended`: by the server in good order; `expired`: 410, listed anew; `lost`: broke or fell silent; `refused`: an error
 * answer; `throttled`: left because its objects change too fast.
 */
export type WatchRestartReason = 'ended' | 'expired' | 'lost' | 'refused' | 'throttled';

export const noObserver: KubeObserver = { request: () => undefined, watchRestart: () => undefined };
