/**
 * All timeouts and delays of the client, in milliseconds unless named otherwise. They are not flags, because no cluster
 * needs other values.
 */
export const kubeTimings = {
  /** Timeout of a new connection: TCP, TLS and HTTP/2 settings. */
  dialMs: 5_000,
  /**
   * Delay before the first attempt to connect after a failure. It doubles up to the cap, and is fully random: all nodes
   * lose an API server at the same moment.
   */
  dialBaseMs: 1_000,
  dialCapMs: 10_000,
  /** Timeout of one attempt of a call, from the request to the end of the response. */
  attemptMs: 10_000,
  /** Timeout of a whole call with its retries, unless the caller sets one. */
  callMs: 30_000,
  /** How long an optional result is waited for. */
  gracePeriodMs: 1_000,
  /** Delay before the first retry. It doubles up to the cap, and each delay is fully random. */
  retryBaseMs: 100,
  retryCapMs: 5_000,
  /** Attempts of a call that the server answers with an error and without Retry-After. */
  maxAttempts: 5,
  /** Interval of the pings on an HTTP/2 connection, as of client-go: a dead connection is found within 45 s. */
  pingIntervalMs: 30_000,
  /** Time without a response to a ping after which the connection is dead. */
  pingTimeoutMs: 15_000,
  /** Range of a watch's random lifetime, which the server enforces, so that watches do not restart together. */
  watchMinSeconds: 300,
  watchMaxSeconds: 600,
  /** Time without a byte after which a watch is closed. Servers send a bookmark every minute. */
  watchIdleMs: 300_000,
  /** Lifetime without an event or bookmark after which the server may not know the watch's revision. */
  watchConfirmedMs: 120_000,
  /** Lifetime after which a watch that ends counts as healthy. */
  watchHealthyMs: 5_000,
  /** Delays between attempts to list or watch, as for retries. The lower cap applies until the first list. */
  watchBaseMs: 2_000,
  watchCapMs: 30_000,
  watchFirstCapMs: 10_000,
};

export type KubeTimings = Readonly<typeof kubeTimings>;
