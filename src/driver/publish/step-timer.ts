/** Milliseconds of each step of a call, rounded to hundredths. */
export class StepTimer {
  readonly steps: Record<string, number> = {};
  #last = performance.now();

  /** Ends the step that began with the previous lap. */
  lap(step: string): void {
    const now = performance.now();
    this.steps[step] = Math.round((now - this.#last) * 100) / 100;
    this.#last = now;
  }
}
