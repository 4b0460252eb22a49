import { setTimeout as delay } from 'node:timers/promises';
import type { NonBlockingSink } from './non-blocking-descriptor.js';

export interface NonBlockingLineWriterOptions {
  /** Called with the first line. */
  readonly open: () => NonBlockingSink;
  /** Limit of the queued lines in bytes; further lines are dropped. */
  readonly maxQueuedBytes: number;
  /** Milliseconds for which lines are gathered into one write: each write wakes up the reader. */
  readonly gatherMs: number;
  /** Milliseconds between attempts while the reader is blocked: the first, doubled up to the second. */
  readonly retryMs: readonly [number, number];
}

/**
 * Writes lines to a reader that can stop reading, without blocking the process or growing its memory. Lines are
 * gathered and written together. Lines beyond the limit of the queue are dropped whole and counted.
 */
export class NonBlockingLineWriter {
  readonly #options: NonBlockingLineWriterOptions;
  #sink: NonBlockingSink | undefined;
  #queue: Buffer[] = [];
  #queuedBytes = 0;
  #dropped = 0;
  /** Lines that were dropped since the last report. */
  #unreported = 0;
  #onDropped: ((lines: number) => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Whether the last write left something. */
  #isBlocked = false;
  #retryMs: number;

  constructor(options: NonBlockingLineWriterOptions) {
    this.#options = options;
    this.#retryMs = options.retryMs[0];
  }

  get droppedLines(): number {
    return this.#dropped;
  }

  /** Registers a callback. @param onDropped called with the number of dropped lines once the reader continues. */
  onResumed(onDropped: (lines: number) => void): void {
    this.#onDropped = onDropped;
  }

  write(line: string): void {
    const bytes = Buffer.from(line);
    const fits = (): boolean =>
      this.#queue.length === 0 || this.#queuedBytes + bytes.length <= this.#options.maxQueuedBytes;
    if (!fits() && !this.#isBlocked) this.flush();
    // Queued lines must be written first, and the timer retries them.
    if (!fits()) {
      this.#drop(1);
      return;
    }
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.length;
    this.#timer ??= setTimeout(() => this.flush(), this.#options.gatherMs).unref();
  }

  /** Writes as much as the reader accepts now. @returns whether that was all. */
  flush(): boolean {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const waitingBytes = this.#queuedBytes;
    try {
      this.#writeQueue();
    } catch {
      // It can never be written: a pipe without a reader, a full disk, a closed descriptor.
      this.#drop(this.#queue.length);
      this.#queue = [];
      this.#queuedBytes = 0;
      this.#isBlocked = false;
      return true;
    }
    this.#isBlocked = this.#queue.length > 0;
    if (!this.#isBlocked) {
      this.#reportDropped();
      return true;
    }
    const [firstMs, longestMs] = this.#options.retryMs;
    this.#retryMs = this.#queuedBytes < waitingBytes ? firstMs : Math.min(2 * this.#retryMs, longestMs);
    this.#timer = setTimeout(() => this.flush(), this.#retryMs).unref();
    return false;
  }

  /** Waits until everything is written, but not for a blocked reader. @param maxMs limit of the wait. */
  async drain(maxMs: number): Promise<void> {
    const endMs = performance.now() + maxMs;
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

  /**
   * Removes the written bytes. The rest of a line that was written in part stays first, so that no other line splits
   * it.
   */
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

  #reportDropped(): void {
    if (this.#unreported === 0 || this.#onDropped === undefined) return;
    const lines = this.#unreported;
    this.#unreported = 0;
    this.#onDropped(lines);
  }
}
