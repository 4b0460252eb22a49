/** Timings of the status controller, in milliseconds. */
export interface StatusTimings {
  /** Interval of checks of a ready Connector, plus or minus a fifth. */
  readonly checkMs: number;
  /** First interval of checks of an unready Connector. It doubles with each check up to `unreadyMs`. */
  readonly againMs: number;
  readonly unreadyMs: number;
  /** Minimum interval of checks of one Connector, whose owner can change it in a loop. */
  readonly minMs: number;
  /** Delay of the second check that confirms a change for the worse before it is written. */
  readonly confirmMs: number;
  /** Limit of a tool's whole response to a probe. */
  readonly probeMs: number;
  /** First delay after a failed write. It doubles with each failure up to `unreadyMs`. */
  readonly retryMs: number;
}

export const statusTimings: StatusTimings = {
  checkMs: 300_000,
  againMs: 2_000,
  unreadyMs: 60_000,
  minMs: 1_000,
  confirmMs: 8_000,
  probeMs: 10_000,
  retryMs: 2_000,
};
