import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { CoalescingStream } from './coalescing-stream.ts';
import type { ProxyError } from '../proxy-error.ts';
import type { ChunkShare, Source } from './coalescing-stream.ts';

/**
 * Coalesces the chunks of a message or connection of Node. Reading starts at once, because an unread stream keeps each
 * chunk as a separate object.
 */
export function coalesce(
  readable: IncomingMessage | Socket,
  chunkShare: ChunkShare,
  destroy: (error: ProxyError) => void = (error) => void readable.destroy(error),
): CoalescingStream {
  const stream = new CoalescingStream(new NodeSource(readable), chunkShare, destroy);
  readable.on('data', (chunk: Buffer) => stream.push(chunk));
  if (readable.readableEnded) stream.end();
  else readable.once('end', () => stream.end());
  // The owner of the transfer ends both sides on 'close'.
  readable.on('error', () => undefined);
  readable.once('close', () => stream.close(readable.errored));
  return stream;
}

/**
 * Pauses the socket but not the message: the parser delivers the rest of a read to a paused message chunk by chunk.
 * After each chunk Node resumes the socket with `nextTick`, which runs before microtasks.
 */
class NodeSource implements Source {
  readonly #readable: IncomingMessage | Socket;
  readonly #socket: Socket;
  #wantsPause = false;
  #isPaused = false;

  constructor(readable: IncomingMessage | Socket) {
    this.#readable = readable;
    this.#socket = 'complete' in readable ? readable.socket : readable;
  }

  get bytesRead(): number {
    return this.#socket.bytesRead;
  }

  pause(): void {
    this.#wantsPause = true;
    queueMicrotask(this.#pauseSocket);
  }

  resume(): void {
    this.#wantsPause = false;
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#socket.resume();
  }

  readonly #pauseSocket = (): void => {
    if (!this.#wantsPause || !this.#ownsSocket) return;
    this.#isPaused = true;
    this.#socket.pause();
  };

  /** Whether the socket belongs to this source. After a complete message it belongs to the next one. */
  get #ownsSocket(): boolean {
    return !('complete' in this.#readable) || !this.#readable.complete;
  }
}
