/** All times of the client. They are no flags: nobody could choose them better per cluster. Milliseconds unless named otherwise. */
export interface KubeTimings {
  /** TCP, TLS and HTTP/2 settings of a new connection. */
  readonly dialMs: number;
  /** Delay before the first attempt at a connection after a failure; doubles up to the cap; all of it random. */
  readonly dialBaseMs: number;
  readonly dialCapMs: number;
  /** One attempt of a call, from request to the end of the answer. */
  readonly attemptMs: number;
  /** A whole call with its retries, when the caller sets no time of its own. */
  readonly callMs: number;
  /** What is waited for an answer that can be done without. */
  readonly gracePeriodMs: number;
  /** Delay before the first retry; doubles up to the cap; all of each delay is random. */
  readonly retryBaseMs: number;
  readonly retryCapMs: number;
  /** Attempts of a call that the server answers with an error and without Retry-After. */
  readonly maxAttempts: number;
  /** Between the pings on an HTTP/2 connection. */
  readonly pingIntervalMs: number;
  /** A ping without an answer for so long: the connection is dead. */
  readonly pingTimeoutMs: number;
  /** The server ends each watch after a random time in this range, so that watches do not return together. */
  readonly watchMinSeconds: number;
  readonly watchMaxSeconds: number;
  /** A watch that has brought nothing, not even a bookmark (servers send one a minute), for so long is given up. */
  readonly watchIdleMs: number;
  /** A watch that has lived so long without any event or bookmark has shown that its revision may be unknown. */
  readonly watchConfirmedMs: number;
  /** A watch that has lived so long counts as healthy when it ends. */
  readonly watchHealthyMs: number;
  /** Delays between attempts to list or watch, as for retries; the lower cap holds until the first list. */
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
  // As client-go has them: a dead connection is found within 45 s.
  pingIntervalMs: 30_000,
  pingTimeoutMs: 15_000,
  watchMinSeconds: 300,
  watchMaxSeconds: 600,
  watchIdleMs: 300_000,
  // Twice the time in which servers send a bookmark.
  watchConfirmedMs: 120_000,
  watchHealthyMs: 5_000,
  watchBaseMs: 2_000,
  watchCapMs: 30_000,
  watchFirstCapMs: 10_000,
};
