/** Timings of the status controller, in milliseconds. */
export interface StatusTimings {
  /** Interval of checks of a ready Connector, plus or minus a fifth. */
  readonly checkMs: number;
  /** First interval of checks of an unready Connector. It doubles with each check up to `soonMs`. */
  readonly againMs: number;
  readonly soonMs: number;
  /** After this time, an unready Connector is checked once in `lateMs`. */
  readonly soonForMs: number;
  readonly lateMs: number;
  /** Minimum interval of checks that requests ask for. */
  readonly requestedMs: number;
  /** Delay of the second check that confirms a change for the worse before it is written. */
  readonly confirmMs: number;
  /** Minimum interval of changes of one status, after the burst. */
  readonly quietMs: number;
  /** Age of a probe's time in a status at which it alone is a reason to write. */
  readonly probeTimeMs: number;
  /** Limit of a tool's whole response to a probe. */
  readonly probeMs: number;
  /** Longest delay after a failed write. It doubles with each failure up to `checkMs`. */
  readonly retryMs: number;
}

export const statusTimings: StatusTimings = {
  checkMs: 300_000,
  againMs: 2_000,
  soonMs: 10_000,
  soonForMs: 600_000,
  lateMs: 60_000,
  requestedMs: 5_000,
  confirmMs: 8_000,
  quietMs: 30_000,
  probeTimeMs: 3_600_000,
  probeMs: 10_000,
  retryMs: 2_000,
};
