export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
}

/** A moment on two clocks: the machine's, which may be set, and one that never is but stands still while the machine is suspended. */
export interface Moment {
  /** Milliseconds since the epoch. */
  readonly wallMs: number;
  /** Milliseconds of a clock that is never set. */
  readonly monotonicMs: number;
}
