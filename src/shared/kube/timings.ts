/**
 * All timeouts and delays of the client, in milliseconds unless named otherwise. They are not flags, because no cluster
 * needs other values.
 */
export interface KubeTimings {
  /** Timeout of a new connection: TCP, TLS and HTTP/2 settings. */
  readonly dialMs: number;
  /** Delay before the first attempt to connect after a failure. It doubles up to the cap, and is fully random. */
  readonly dialBaseMs: number;
  readonly dialCapMs: number;
  /** Timeout of one attempt of a call, from the request to the end of the response. */
  readonly attemptMs: number;
  /** Timeout of a whole call with its retries, unless the caller sets one. */
  readonly callMs: number;
  /** How long an optional result is waited for. */
  readonly gracePeriodMs: number;
  /** Delay before the first retry. It doubles up to the cap, and each delay is fully random. */
  readonly retryBaseMs: number;
  readonly retryCapMs: number;
  /** Attempts of a call that the server answers with an error and without Retry-After. */
  readonly maxAttempts: number;
  /** Interval of the pings on an HTTP/2 connection. */
  readonly pingIntervalMs: number;
  /** Time without a response to a ping after which the connection is dead. */
  readonly pingTimeoutMs: number;
  /** Range of a watch's random lifetime, which the server enforces, so that watches do not restart together. */
  readonly watchMinSeconds: number;
  readonly watchMaxSeconds: number;
  /** Time without a byte after which a watch is closed. Servers send a bookmark every minute. */
  readonly watchIdleMs: number;
  /** Lifetime without an event or bookmark after which the server may not know the watch's revision. */
  readonly watchConfirmedMs: number;
  /** Lifetime after which a watch that ends counts as healthy. */
  readonly watchHealthyMs: number;
  /** Delays between attempts to list or watch, as for retries. The lower cap applies until the first list. */
  readonly watchBaseMs: number;
  readonly watchCapMs: number;
  readonly watchFirstCapMs: number;
}

export const kubeTimings: KubeTimings = {
  dialMs: 5_000,
  // All nodes lose an API server at the same moment.
  dialBaseMs: 1_000,
  dialCapMs: 10_000,
  attemptMs: 10_000,
  callMs: 30_000,
  gracePeriodMs: 1_000,
  retryBaseMs: 100,
  retryCapMs: 5_000,
  maxAttempts: 5,
  // The values of client-go: a dead connection is found within 45 s.
  pingIntervalMs: 30_000,
  pingTimeoutMs: 15_000,
  watchMinSeconds: 300,
  watchMaxSeconds: 600,
  watchIdleMs: 300_000,
  // Twice the interval of bookmarks.
  watchConfirmedMs: 120_000,
  watchHealthyMs: 5_000,
  watchBaseMs: 2_000,
  watchCapMs: 30_000,
  watchFirstCapMs: 10_000,
};
