import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { CodedError } from '../../shared/errors.js';
import { proxyLimits } from '../limits.js';

/** The reason to abort a client's requests. Created once, because an error costs its stack. */
export const clientGone = new CodedError('CANCELLED', 'the client has gone');

interface Queue {
  length: number;
  headerBytes: number;
  /** The request that came last. It is in flight unless `length` is 0. */
  last: QueuedRequest | undefined;
  readonly leaving: AbortSignal;
}

/** The position of a request in the queue of its connection. */
export class QueuedRequest {
  readonly #queue: Queue;
  readonly #headerBytes: number;
  /** The request before it, if that was in flight when this one came, until `wait`. */
  #previous: QueuedRequest | undefined;
  #onEnd: (() => void) | undefined;

  constructor(queue: Queue, headerBytes: number) {
    this.#queue = queue;
    this.#headerBytes = headerBytes;
    this.#previous = queue.length === 0 ? undefined : queue.last;
    queue.length += 1;
    queue.headerBytes += headerBytes;
    queue.last = this;
  }

  /** Aborts when the connection closes during a request. */
  get leaving(): AbortSignal {
    return this.#queue.leaving;
  }

  /** Whether an earlier request on the connection was in flight when this one came. */
  get mustWait(): boolean {
    return this.#previous !== undefined;
  }

  /** Waits for earlier requests on the connection. Call it before any of them can end. */
  async wait(): Promise<void> {
    const previous = this.#previous;
    if (previous === undefined) return;
    this.#previous = undefined;
    await new Promise<void>((resolve) => (previous.#onEnd = resolve));
    // Yields to other connections: a client can send many requests at once.
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Records that the request is served. The next one can start. */
  end(): void {
    this.#queue.length -= 1;
    this.#queue.headerBytes -= this.#headerBytes;
    this.#onEnd?.();
  }
}

/**
 * The request queues of connections. Clients can send requests without waiting for responses; they are served in order.
 */
export class RequestQueues {
  readonly #queues = new WeakMap<Socket, Queue>();

  /** Reports whether no request of the connection is in flight. */
  isEmpty(socket: Socket): boolean {
    return (this.#queues.get(socket)?.length ?? 0) === 0;
  }

  /** Adds a request. @returns undefined if the queued requests of the connection are too many or too large. */
  enter(request: IncomingMessage): QueuedRequest | undefined {
    const queue = this.#queueOf(request.socket);
    const headerBytes = headerBytesOf(request);
    const { requests: maxRequests, requestHeaderBytes: maxBytes } = proxyLimits.pipeline;
    const isTooMany = queue.length >= maxRequests;
    const isTooLarge = queue.length > 0 && queue.headerBytes + headerBytes > maxBytes;
    // A rejected request must not be in the queue: it never ends.
    return isTooMany || isTooLarge ? undefined : new QueuedRequest(queue, headerBytes);
  }

  #queueOf(socket: Socket): Queue {
    const existing = this.#queues.get(socket);
    if (existing !== undefined) return existing;
    const leaving = new AbortController();
    const queue: Queue = { length: 0, headerBytes: 0, last: undefined, leaving: leaving.signal };
    this.#queues.set(socket, queue);
    socket.once('close', () => {
      if (queue.length > 0) leaving.abort(clientGone);
    });
    return queue;
  }
}

function headerBytesOf({ url = '', rawHeaders }: IncomingMessage): number {
  let bytes = url.length;
  for (const { length } of rawHeaders) bytes += length;
  return bytes;
}
