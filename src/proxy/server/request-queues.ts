import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { CodedError } from '../../shared/errors.ts';
import { proxyLimits } from '../limits.ts';

/** The reason to abort a client's requests. Created once, because an error costs its stack. */
export const clientGoneError = new CodedError('CANCELLED', 'the client has gone');

interface Queue {
  length: number;
  headerBytes: number;
  /** Ends with the request that came last. */
  last: Promise<void>;
  readonly clientGone: AbortSignal;
}

/** The position of a request in the queue of its connection. */
export interface QueuedRequest {
  /** Aborts when the connection closes during a request. */
  readonly clientGone: AbortSignal;
  /** Waits for earlier requests on the connection; undefined if none is in flight. */
  readonly turn: Promise<void> | undefined;
  /** Records that the request is served. The next one can start. */
  readonly end: () => void;
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
  add(request: IncomingMessage): QueuedRequest | undefined {
    const queue = this.#queueOf(request.socket);
    const headerBytes = headerBytesOf(request);
    const { requests: maxRequests, requestHeaderBytes: maxBytes } = proxyLimits.pipeline;
    const isTooMany = queue.length >= maxRequests;
    const isTooLarge = queue.length > 0 && queue.headerBytes + headerBytes > maxBytes;
    // A rejected request must not be in the queue: it never ends.
    if (isTooMany || isTooLarge) return undefined;
    const turn = queue.length === 0 ? undefined : queue.last;
    queue.length += 1;
    queue.headerBytes += headerBytes;
    let setEnded = (): void => undefined;
    queue.last = new Promise<void>((resolve) => (setEnded = resolve));
    return {
      clientGone: queue.clientGone,
      // Yields to other connections: a client can send many requests at once.
      turn: turn?.then(() => new Promise((resolve) => setImmediate(resolve))),
      end: () => {
        queue.length -= 1;
        queue.headerBytes -= headerBytes;
        setEnded();
      },
    };
  }

  #queueOf(socket: Socket): Queue {
    const existing = this.#queues.get(socket);
    if (existing !== undefined) return existing;
    const clientGone = new AbortController();
    const queue: Queue = { length: 0, headerBytes: 0, last: Promise.resolve(), clientGone: clientGone.signal };
    this.#queues.set(socket, queue);
    socket.once('close', () => {
      if (queue.length > 0) clientGone.abort(clientGoneError);
    });
    return queue;
  }
}

function headerBytesOf({ url = '', rawHeaders }: IncomingMessage): number {
  let bytes = url.length;
  for (const { length } of rawHeaders) bytes += length;
  return bytes;
}
