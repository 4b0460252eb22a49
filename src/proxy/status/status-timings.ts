/** Of the status writer, in milliseconds. */
export interface StatusTimings {
  /** Between two checks of a Connector that is ready; a fifth more or less. */
  readonly checkMs: number;
  /** Between the first two checks of one that is not ready; doubled with each further one up to `soonMs`. */
  readonly againMs: number;
  readonly soonMs: number;
  /** What has not been ready for so long is checked once in `lateMs`. */
  readonly soonForMs: number;
  readonly lateMs: number;
  /** Between two checks of a Connector that requests ask for. */
  readonly requestedMs: number;
  /** What was well and is not any more is checked once more after so long before it is written. */
  readonly confirmMs: number;
  /** Between two changes of one status, after the first few. */
  readonly quietMs: number;
  /** For a tool's whole response to a probe, and for the templates or the expression of one. */
  readonly probeMs: number;
  readonly probeJobMs: number;
  /** After a failed write, doubled with each further one up to the time of a check. */
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
  probeMs: 10_000,
  probeJobMs: 10_000,
  retryMs: 2_000,
};
