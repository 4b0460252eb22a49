import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { abortError } from '../../errors.js';
import type { TokenBucket } from '../../limits/token-bucket.js';

/** Bytes that wait for the sink until the source is paused. One read of the socket, 64 KiB, can still be added. */
const maxPendingBytes = 32 * 1024;
/** Smaller chunks are copied into one block. To copy a larger chunk costs more than to keep it. */
const smallChunkBytes = 4 * 1024;
const blockBytes = 16 * 1024;
/** Chunks of one read of the socket. What has more counts against the rate of all streams. */
const usualChunks = 256;
const noBytes = Buffer.alloc(0);

/**
 * A stream whose chunks are gathered into few writes: at most one write is in flight, and what arrives meanwhile becomes
 * the next one. So the memory of a slow transfer depends on its bytes alone, not on the number of chunks. A peer that sends
 * chunks of one byte, each a write of several hundred bytes, would otherwise exhaust the heap. Nor does it take more
 * processor time: sources of very many small chunks share one rate.
 *
 * It reads from the moment it is created, since a stream that nobody reads keeps each chunk as an object of its own.
 */
export class GatheredStream {
  readonly #source: IncomingMessage | Socket;
  readonly #chunkRate: TokenBucket;
  readonly #socket: Socket;
  #sink: Writable | undefined;
  #onEnd: (() => void) | undefined;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #receivedBytes = 0;
  /** Holds small chunks: those between `start` and `end` are pending. */
  #block = noBytes;
  #start = 0;
  #end = 0;
  #isWriting = false;
  /** Too much is pending. */
  #isFull = false;
  /** The rate of small chunks is exceeded. */
  #waiting: NodeJS.Timeout | undefined;
  #isPaused = false;
  #isUnlimited = false;
  /** What the socket had read when the last chunk came, and the chunks since then. */
  #readBytes = 0;
  #chunks = 0;
  #hasEnded = false;
  #isDiscarding = false;
  /** What arrives beyond it is dropped. */
  #limit: { readonly bytes: number; readonly onExceeded: () => void } | undefined;

  /** @param chunkRate of all streams, in chunks. */
  constructor(source: IncomingMessage | Socket, chunkRate: TokenBucket) {
    this.#source = source;
    this.#chunkRate = chunkRate;
    this.#socket = 'complete' in source ? source.socket : source;
    source.on('data', (chunk: Buffer) => this.#take(chunk));
    source.once('end', () => this.#finish());
    // The owner of the transfer ends both sides on 'close'.
    source.on('error', () => undefined);
    source.once('close', () => clearTimeout(this.#waiting));
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Bytes received from the source. */
  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /** Writes everything to `sink`. @param onEnd is called when the source has ended and its last byte is written. */
  pipeTo(sink: Writable, onEnd: () => void): void {
    this.#sink = sink;
    this.#onEnd = onEnd;
    this.#flush();
  }

  /** Reads and drops the rest. @param onExceeded is called when it has more than `maxBytes`. */
  discard(maxBytes: number, onExceeded: () => void): void {
    this.#sink = undefined;
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#start = this.#end;
    this.#isDiscarding = true;
    this.#limit = { bytes: this.#receivedBytes + maxBytes, onExceeded };
    this.#goOn();
  }

  /**
   * Waits for the end of a small source, however much of it is pending.
   * @returns everything, in one buffer; undefined if it has more than `maxBytes`.
   * @throws the signal's reason; an error if the source closes early.
   */
  whole(maxBytes: number, signal: AbortSignal): Promise<Buffer | undefined> {
    this.#isUnlimited = true;
    return new Promise((resolve, reject) => {
      const exceed = (): void => resolve(undefined);
      const end = (): void => {
        this.#closeBlock();
        resolve(Buffer.concat(this.#pending));
      };
      const breakOff = (): void => reject(this.#source.errored ?? new Error('the stream ended early'));
      if (this.#receivedBytes > maxBytes) {
        exceed();
        return;
      }
      if (this.#hasEnded) {
        end();
        return;
      }
      if (this.#source.closed) {
        breakOff();
        return;
      }
      this.#limit = { bytes: maxBytes, onExceeded: exceed };
      this.#onEnd = end;
      this.#source.once('close', breakOff);
      signal.addEventListener('abort', () => reject(abortError(signal)), { once: true });
      this.#goOn();
    });
  }

  #take(chunk: Buffer): void {
    this.#receivedBytes += chunk.length;
    this.#countChunk();
    if (this.#limit !== undefined && this.#receivedBytes > this.#limit.bytes) {
      this.#limit.onExceeded();
      return;
    }
    if (this.#isDiscarding) return;
    if (this.#sink !== undefined && !this.#isWriting) {
      this.#write(chunk);
      return;
    }
    this.#keep(chunk);
    if (this.#pendingBytes >= maxPendingBytes && !this.#isUnlimited) {
      this.#isFull = true;
      this.#pause();
    }
  }

  #keep(chunk: Buffer): void {
    this.#pendingBytes += chunk.length;
    if (chunk.length >= smallChunkBytes) {
      this.#closeBlock();
      this.#pending.push(chunk);
      return;
    }
    if (this.#block.length - this.#end < chunk.length) {
      this.#closeBlock();
      // Most bodies are one small chunk: a block for each of them would be garbage outside the heap, and end in collections.
      const isFirst = this.#block === noBytes;
      this.#block = isFirst ? Buffer.allocUnsafe(chunk.length) : Buffer.allocUnsafeSlow(blockBytes);
      this.#start = 0;
      this.#end = 0;
    }
    this.#end += chunk.copy(this.#block, this.#end);
  }

  #closeBlock(): void {
    if (this.#end === this.#start) return;
    this.#pending.push(this.#block.subarray(this.#start, this.#end));
    this.#start = this.#end;
  }

  #finish(): void {
    this.#hasEnded = true;
    if (!this.#isWriting && (this.#sink === undefined || this.#pendingBytes === 0)) this.#onEnd?.();
  }

  #flush(): void {
    if (this.#sink === undefined || this.#isWriting) return;
    if (this.#pendingBytes > 0) {
      this.#closeBlock();
      const [first = noBytes, ...others] = this.#pending;
      const all = others.length === 0 ? first : Buffer.concat(this.#pending, this.#pendingBytes);
      this.#pending = [];
      this.#pendingBytes = 0;
      this.#write(all);
    } else if (this.#hasEnded) this.#onEnd?.();
    this.#goOn();
  }

  #write(chunk: Buffer): void {
    if (this.#sink === undefined || this.#sink.destroyed) return;
    this.#isWriting = true;
    this.#sink.write(chunk, this.#onWritten);
  }

  readonly #onWritten = (error?: Error | null): void => {
    if (error) return;
    this.#isWriting = false;
    this.#flush();
  };

  #countChunk(): void {
    const { bytesRead } = this.#socket;
    if (bytesRead !== this.#readBytes) {
      this.#readBytes = bytesRead;
      this.#chunks = 0;
    }
    this.#chunks += 1;
    if (this.#chunks % usualChunks === 0) {
      this.#chunkRate.consume(usualChunks);
      const waitMs = this.#chunkRate.delayMs(0);
      if (waitMs > 0) this.#waiting ??= setTimeout(this.#onWaited, waitMs);
    }
    if (this.#waiting !== undefined) this.#pause();
  }

  /**
   * Pauses the socket. The message goes on: what the parser delivers of this read to a message that is paused would be kept
   * chunk by chunk. After each chunk Node resumes the socket with `nextTick`, and that comes before microtasks.
   */
  #pause(): void {
    queueMicrotask(this.#pauseSocket);
  }

  readonly #pauseSocket = (): void => {
    if (!this.#ownsSocket || !(this.#isFull || this.#waiting !== undefined)) return;
    this.#isPaused = true;
    this.#socket.pause();
  };

  readonly #onWaited = (): void => {
    this.#waiting = undefined;
    this.#goOnIfPossible();
  };

  #goOn(): void {
    this.#isFull = false;
    this.#goOnIfPossible();
  }

  #goOnIfPossible(): void {
    if (!this.#isPaused || this.#isFull || this.#waiting !== undefined) return;
    this.#isPaused = false;
    this.#socket.resume();
  }

  /** The socket of a message that is complete belongs to the next one. */
  get #ownsSocket(): boolean {
    return !('complete' in this.#source) || !this.#source.complete;
  }
}
