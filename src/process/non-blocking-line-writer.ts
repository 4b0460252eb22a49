import { setTimeout as delay } from 'node:timers/promises';
import type { NonBlockingSink } from './non-blocking-descriptor.js';

export interface NonBlockingLineWriterOptions {
  /** Called with the first line. */
  readonly open: () => NonBlockingSink;
  /** Bytes of lines that wait for the reader; what comes when they are exceeded is dropped. */
  readonly maxQueuedBytes: number;
  /** Milliseconds that lines are gathered before they are written together: each write wakes up the reader. */
  readonly gatherMs: number;
  /** Milliseconds between two tries while the reader does not read: the first, doubled up to the second. */
  readonly retryMs: readonly [number, number];
}

/**
 * Lines for a reader that may stop reading: it makes the process neither wait nor grow. Lines are gathered for
 * a moment and written together, or wait up to a bound; beyond it they are dropped, whole, and counted.
 */
export class NonBlockingLineWriter {
  readonly #options: NonBlockingLineWriterOptions;
  #sink: NonBlockingSink | undefined;
  #queue: Buffer[] = [];
  #queuedBytes = 0;
  #dropped = 0;
  /** Dropped since the reader was last told. */
  #unreported = 0;
  #onDropped: ((lines: number) => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Whether the reader has left something the last time. */
  #isBlocked = false;
  #retryMs: number;

  constructor(options: NonBlockingLineWriterOptions) {
    this.#options = options;
    this.#retryMs = options.retryMs[0];
  }

  get droppedLines(): number {
    return this.#dropped;
  }

  /** @param tell called once the reader is back, with the number of lines that it will not see. */
  onResumed(tell: (lines: number) => void): void {
    this.#onDropped = tell;
  }

  write(line: string): void {
    const bytes = Buffer.from(line);
    const hasRoom = (): boolean =>
      this.#queue.length === 0 || this.#queuedBytes + bytes.length <= this.#options.maxQueuedBytes;
    if (!hasRoom() && !this.#isBlocked) this.flush();
    // What waits must be written first, and is tried again by the timer.
    if (!hasRoom()) {
      this.#drop(1);
      return;
    }
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.length;
    this.#timer ??= setTimeout(() => this.flush(), this.#options.gatherMs).unref();
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
      this.#isBlocked = false;
      return true;
    }
    this.#isBlocked = this.#queue.length > 0;
    if (!this.#isBlocked) {
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
    while (this.#queue.length > 0) {
      const bytes = Buffer.concat(this.#queue);
      const taken = this.#sink.write(bytes);
      this.#forget(taken);
      if (taken < bytes.length) return;
    }
  }

  /** A line that was taken in part is the first to go on with: lines are never torn apart by others. */
  #forget(taken: number): void {
    this.#queuedBytes -= taken;
    let left = taken;
    let lines = 0;
    for (const line of this.#queue) {
      if (line.length > left) break;
      left -= line.length;
      lines += 1;
    }
    this.#queue.splice(0, lines);
    const [torn] = this.#queue;
    if (torn !== undefined && left > 0) this.#queue[0] = torn.subarray(left);
  }

  #drop(lines: number): void {
    this.#dropped += lines;
    this.#unreported += lines;
  }

  #tell(): void {
    if (this.#unreported === 0 || this.#onDropped === undefined) return;
    const lines = this.#unreported;
    this.#unreported = 0;
    this.#onDropped(lines);
  }
}
