/** Timings of the status controller, in milliseconds. */
export const statusTimings = {
  /** Interval of checks of a ready Connector, plus or minus a fifth. */
  checkMs: 300_000,
  /** First interval of checks of an unready Connector. It doubles with each check up to `unreadyMs`. */
  againMs: 2_000,
  unreadyMs: 60_000,
  /** Minimum interval of checks of one Connector, whose owner can change it in a loop. */
  minMs: 1_000,
  /** Delay of the second check that confirms a change for the worse before it is written. */
  confirmMs: 8_000,
  /** Limit of a tool's whole response to a probe. */
  probeMs: 10_000,
  /** First delay after a failed write. It doubles with each failure up to `unreadyMs`. */
  retryMs: 2_000,
};

export type StatusTimings = Readonly<typeof statusTimings>;
