import { Readable } from 'node:stream';
import type { Sink } from './gathered-stream.js';

/** The body of a request as undici reads it: each write waits until the connection takes the next one. */
export class Upload extends Readable implements Sink {
  #onWritten: ((error?: Error | null) => void) | undefined;

  constructor() {
    super({ highWaterMark: 0 });
    // The call reports errors.
    this.on('error', () => undefined);
  }

  write(chunk: Buffer, onWritten: (error?: Error | null) => void): void {
    this.#onWritten = onWritten;
    this.push(chunk);
  }

  /** Ends the body. */
  finish(): void {
    this.push(null);
  }

  override _read(): void {
    const onWritten = this.#onWritten;
    this.#onWritten = undefined;
    onWritten?.();
  }
}
