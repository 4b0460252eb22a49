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

const noBytes = Buffer.alloc(0);

/**
 * Writes lines to a reader that can stop reading, without blocking the process or growing its memory. Lines are
 * gathered and written together. Lines beyond the limit of the queue are dropped whole and counted.
 */
export class NonBlockingLineWriter {
  readonly #options: NonBlockingLineWriterOptions;
  #sink: NonBlockingSink | undefined;
  #queue: string[] = [];
  /** Bytes that the last write left. They begin with the rest of a line, so that no other line splits it. */
  #left = noBytes;
  /** Bytes of `#queue` and `#left`. */
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
    const bytes = Buffer.byteLength(line);
    if (!this.#fits(bytes) && !this.#isBlocked) this.flush();
    // Queued lines must be written first, and the timer retries them.
    if (!this.#fits(bytes)) {
      this.#drop(1);
      return;
    }
    this.#queue.push(line);
    this.#queuedBytes += bytes;
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
      this.#drop(linesIn(this.#left));
      this.#left = noBytes;
      this.#queuedBytes = 0;
      this.#isBlocked = false;
      return true;
    }
    this.#isBlocked = this.#left.length > 0;
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

  #fits(bytes: number): boolean {
    return this.#queuedBytes === 0 || this.#queuedBytes + bytes <= this.#options.maxQueuedBytes;
  }

  #writeQueue(): void {
    this.#left = Buffer.concat([this.#left, Buffer.from(this.#queue.join(''))]);
    this.#queue = [];
    this.#sink ??= this.#options.open();
    while (this.#left.length > 0) {
      const taken = this.#sink.write(this.#left);
      if (taken === 0) return;
      this.#left = this.#left.subarray(taken);
      this.#queuedBytes = this.#left.length;
    }
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

const lineFeed = 0x0a;

function linesIn(bytes: Buffer): number {
  let lines = 0;
  for (const byte of bytes) if (byte === lineFeed) lines += 1;
  return lines;
}
