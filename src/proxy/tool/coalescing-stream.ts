import { proxyLimits } from '../limits.ts';
import { abortError } from '../../shared/errors.ts';
import { rateLimited } from '../proxy-error.ts';
import type { ProxyError } from '../proxy-error.ts';
import type { ThreadShare } from '../thread-shares.ts';

const { pendingBytes, freeChunks, mostChunks } = proxyLimits.transfers;
const { chunkMs } = proxyLimits.thread;
/** Returns the share of the thread that chunks of a stream are charged to; see ThreadShares. */
export type ChunkShare = () => ThreadShare;

/** Smaller chunks are copied into one block. Copying a larger chunk costs more than keeping it. */
export const smallChunkBytes = 4 * 1024;
const blockBytes = 16 * 1024;
const noBytes = Buffer.alloc(0);
const ignore = (): void => undefined;

/** The connection or message that a stream reads from. */
export interface Source {
  /** Bytes that the connection has read. */
  readonly bytesRead: number;
  /** Stops reading. Called after each chunk for which there is no more room. */
  pause(): void;
  /** Reads again after `pause`. */
  resume(): void;
}

/** The destination of a stream. */
export interface Sink {
  readonly destroyed: boolean;
  /** @param onWritten called when more writes are wanted, or with an error after which none is. */
  write(chunk: Buffer, onWritten: (error?: Error | null) => void): unknown;
}

/**
 * A stream that gathers small chunks into few writes: all that arrives during a write waits for its end. Then it is
 * written at once, large chunks as they are. So the memory of a slow transfer depends on its bytes, not on the number
 * of chunks. The attacker is a peer that sends chunks of one byte: each would become a write of several hundred bytes,
 * and exhaust the heap. The CPU time of many small chunks is charged to a share, for which their stream waits, or ends.
 */
export class CoalescingStream {
  readonly #source: Source;
  readonly #chunkShare: ChunkShare;
  readonly #destroy: (error: ProxyError) => void;
  #sink: Sink | undefined;
  #onEnd: (() => void) | undefined;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #receivedBytes = 0;
  /** Block of small chunks: the bytes between `start` and `end` are pending. */
  #block = noBytes;
  #start = 0;
  #end = 0;
  #isWriting = false;
  /** Whether the limit of pending bytes is reached. */
  #isFull = false;
  /** Set while the share is overdrawn. */
  #isWaiting = false;
  #stopWaiting = ignore;
  #isPaused = false;
  /** `bytesRead` of the source at the last chunk, and the chunks since that read. */
  #readBytes = 0;
  #chunks = 0;
  #hasEnded = false;
  /** Why the source has closed before its end. */
  #failure: Error | undefined;
  #onAborted: ((failure: Error) => void) | undefined;
  #isDiscarding = false;
  /** Bytes beyond the limit are dropped. */
  #limit: { readonly bytes: number; readonly onExceeded: () => void } | undefined;

  /** @param destroy closes the connection at once: neither Node nor undici stops in the middle of a read. */
  constructor(source: Source, chunkShare: ChunkShare, destroy: (error: ProxyError) => void) {
    this.#source = source;
    this.#chunkShare = chunkShare;
    this.#destroy = destroy;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Bytes received from the source. */
  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /** Takes the next chunk of the source. */
  push(chunk: Buffer): void {
    // undici passes on the rest of a read.
    if (this.#failure !== undefined) return;
    this.#receivedBytes += chunk.length;
    this.#countChunk();
    if (this.#limit !== undefined && this.#receivedBytes > this.#limit.bytes) {
      this.#limit.onExceeded();
      return;
    }
    if (this.#isDiscarding) return;
    if (this.#sink !== undefined && !this.#isWriting) {
      this.#write([chunk]);
      return;
    }
    this.#keep(chunk);
    if (this.#pendingBytes >= pendingBytes) {
      this.#isFull = true;
      this.#pause();
    }
  }

  /** Records that the source has ended. */
  end(): void {
    this.#hasEnded = true;
    if (this.#sink === undefined || this.#pendingBytes === 0) this.#finish();
  }

  /** Records that the source has closed: it was aborted unless it had ended. */
  close(error?: Error | null): void {
    this.#stopWaiting();
    if (this.#hasEnded || this.#failure !== undefined) return;
    this.#failure = error ?? new Error('the stream ended early');
    this.#onAborted?.(this.#failure);
  }

  /** Calls a function if the source closes, or has closed, before its end. It replaces the one of an earlier call. */
  onAborted(listener: (failure: Error) => void): void {
    this.#onAborted = listener;
    if (this.#failure !== undefined) listener(this.#failure);
  }

  /**
   * Writes everything to `sink`.
   * @param onEnd called once, when the source has ended and its last byte is given to the sink.
   */
  pipeTo(sink: Sink, onEnd: () => void): void {
    this.#sink = sink;
    this.#onEnd = onEnd;
    this.#flush();
  }

  /**
   * Reads and drops the rest.
   * @param onExceeded called when the rest exceeds `maxBytes`.
   */
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
   * Waits for the end of a small source.
   * @returns everything in one buffer; undefined if it exceeds `maxBytes`.
   * @throws the signal's reason; an error if the source closes early.
   */
  whole(maxBytes: number, signal: AbortSignal): Promise<Buffer | undefined> {
    const content = Buffer.allocUnsafe(maxBytes);
    let length = 0;
    return new Promise((resolve, reject) => {
      this.onAborted(reject);
      signal.addEventListener('abort', () => reject(abortError(signal)), { once: true });
      const write = (chunk: Buffer, onWritten: () => void): void => {
        if (length + chunk.length > maxBytes) resolve(undefined);
        else {
          length += chunk.copy(content, length);
          onWritten();
        }
      };
      this.pipeTo({ destroyed: false, write }, () => resolve(content.subarray(0, length)));
    });
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
      // Most bodies are one small chunk. A block for each would be garbage outside the heap and cause collections.
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

  #flush(): void {
    if (this.#sink === undefined || this.#isWriting) return;
    if (this.#pendingBytes > 0) {
      this.#closeBlock();
      const chunks = this.#pending;
      this.#pending = [];
      this.#pendingBytes = 0;
      this.#write(chunks);
    }
    if (this.#hasEnded) this.#finish();
    this.#goOn();
  }

  #finish(): void {
    if (this.#sink?.destroyed === true) return;
    const onEnd = this.#onEnd;
    this.#onEnd = undefined;
    onEnd?.();
  }

  /** Writes chunks without joining them, which takes up to twice the CPU time. See docs/dev/decisions/0030. */
  #write(chunks: readonly Buffer[]): void {
    const last = chunks.at(-1);
    for (const chunk of chunks) {
      if (this.#sink === undefined || this.#sink.destroyed) return;
      this.#isWriting = true;
      this.#sink.write(chunk, chunk === last ? this.#onWritten : ignore);
    }
  }

  readonly #onWritten = (error?: Error | null): void => {
    if (error) return;
    this.#isWriting = false;
    this.#flush();
  };

  #countChunk(): void {
    const { bytesRead } = this.#source;
    if (bytesRead !== this.#readBytes) {
      this.#readBytes = bytesRead;
      this.#chunks = 0;
    }
    this.#chunks += 1;
    if (this.#chunks % freeChunks === 0) {
      const share = this.#chunkShare();
      share.charge(freeChunks * chunkMs);
      const waitMs = share.delayMs();
      if (waitMs > 0 && !this.#isWaiting) this.#waitFor(share);
      if (waitMs > 0 && this.#chunks >= mostChunks)
        this.#destroy(rateLimited('too many chunks of a few bytes, send larger ones'));
    }
    if (this.#isWaiting) this.#pause();
  }

  #pause(): void {
    this.#isPaused = true;
    this.#source.pause();
  }

  #waitFor(share: ThreadShare): void {
    this.#isWaiting = true;
    this.#stopWaiting = share.whenFree(() => {
      this.#isWaiting = false;
      this.#goOnIfPossible();
    });
  }

  #goOn(): void {
    this.#isFull = false;
    this.#goOnIfPossible();
  }

  #goOnIfPossible(): void {
    if (!this.#isPaused || this.#isFull || this.#isWaiting) return;
    this.#isPaused = false;
    this.#source.resume();
  }
}
