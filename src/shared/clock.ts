export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
}

/**
 * A moment on two clocks. The wall clock can be set; the monotonic one cannot, but stops while the machine is
 * suspended.
 */
export interface Moment {
  /** Milliseconds since the epoch. */
  readonly wallMs: number;
  /** Milliseconds of a monotonic clock. */
  readonly monotonicMs: number;
}
