import { setTimeout as delay } from 'node:timers/promises';
import type { NonBlockingSink } from './non-blocking-descriptor.js';

export interface LineOutputOptions {
  /** Called with the first line. */
  readonly open: () => NonBlockingSink;
  /** Bytes of lines that wait for the reader; what comes when they are exceeded is dropped. */
  readonly maxQueuedBytes: number;
  /** Milliseconds between two tries while the reader does not read: the first, doubled up to the second. */
  readonly retryMs: readonly [number, number];
}

/**
 * Lines for a reader that may stop reading: it makes the process neither wait nor grow. Lines are written at once, before
 * `write` returns, or wait up to a bound; beyond it they are dropped, whole, and counted.
 */
export class LineOutput {
  readonly #options: LineOutputOptions;
  #sink: NonBlockingSink | undefined;
  #queue: Buffer[] = [];
  #queuedBytes = 0;
  #dropped = 0;
  /** Dropped since the reader was last told. */
  #untold = 0;
  #tellDropped: ((lines: number) => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #retryMs: number;

  constructor(options: LineOutputOptions) {
    this.#options = options;
    this.#retryMs = options.retryMs[0];
  }

  get droppedLines(): number {
    return this.#dropped;
  }

  /** @param tell called once the reader is back, with the number of lines that it will not see. */
  onResumed(tell: (lines: number) => void): void {
    this.#tellDropped = tell;
  }

  write(line: string): void {
    const bytes = Buffer.from(line);
    // What waits must be written first, and is tried again by the timer.
    if (this.#queue.length > 0 && this.#queuedBytes + bytes.length > this.#options.maxQueuedBytes) {
      this.#drop(1);
      return;
    }
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.length;
    if (this.#timer === undefined) this.flush();
  }

  /** Writes what the reader takes now. @returns whether that was all. */
  flush(): boolean {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const waitingBytes = this.#queuedBytes;
    try {
      this.#writeQueue();
    } catch {
      // Nobody will read it: a pipe without a reader, a full disk, a closed descriptor.
      this.#drop(this.#queue.length);
      this.#queue = [];
      this.#queuedBytes = 0;
      return true;
    }
    if (this.#queue.length === 0) {
      this.#tell();
      return true;
    }
    const [firstMs, longestMs] = this.#options.retryMs;
    this.#retryMs = this.#queuedBytes < waitingBytes ? firstMs : Math.min(2 * this.#retryMs, longestMs);
    this.#timer = setTimeout(() => this.flush(), this.#retryMs).unref();
    return false;
  }

  /** Waits until everything is written, but not for a reader that does not read. */
  async drain(atMostMs: number): Promise<void> {
    const endMs = performance.now() + atMostMs;
    while (!this.flush() && performance.now() < endMs) await delay(10);
  }

  #writeQueue(): void {
    this.#sink ??= this.#options.open();
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      const taken = this.#sink.write(next);
      this.#queuedBytes -= taken;
      // A line that was taken in part is the first to go on with: lines are never torn apart by others.
      if (taken < next.length) {
        this.#queue[0] = next.subarray(taken);
        return;
      }
      this.#queue.shift();
    }
  }

  #drop(lines: number): void {
    this.#dropped += lines;
    this.#untold += lines;
  }

  #tell(): void {
    if (this.#untold === 0 || this.#tellDropped === undefined) return;
    const lines = this.#untold;
    this.#untold = 0;
    this.#tellDropped(lines);
  }
}
