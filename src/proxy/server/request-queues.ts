import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { CodedError } from '../../errors.js';
import { limits } from '../../limits/defaults.js';

/** The reason to abort a client's requests. Created once, because an error costs its stack. */
export const clientGone = new CodedError('CANCELLED', 'the client has gone');

/** The position of a request in the queue of its connection. */
export interface QueuedRequest {
  /** Aborts when the connection closes during a request. */
  readonly leaving: AbortSignal;
  /** Waits for earlier requests on the connection. */
  wait(): Promise<void>;
  /** @param served resolves when the request is served; it must not reject. */
  end(served: Promise<void>): void;
}

interface Queue {
  length: number;
  headerBytes: number;
  last: Promise<void>;
  readonly leaving: AbortSignal;
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
    queue.length += 1;
    queue.headerBytes += headerBytes;
    const { requests: maxRequests, requestHeaderBytes: maxBytes } = limits.pipeline;
    if (queue.length > maxRequests || (queue.length > 1 && queue.headerBytes > maxBytes)) return undefined;
    const previous = queue.length === 1 ? undefined : queue.last;
    return {
      leaving: queue.leaving,
      wait: async () => {
        if (previous === undefined) return;
        await previous;
        // Yields to other connections: a client can send many requests at once.
        await new Promise((resolve) => setImmediate(resolve));
      },
      end: (served) => {
        queue.last = served.then(() => {
          queue.length -= 1;
          queue.headerBytes -= headerBytes;
        });
      },
    };
  }

  #queueOf(socket: Socket): Queue {
    const existing = this.#queues.get(socket);
    if (existing !== undefined) return existing;
    const leaving = new AbortController();
    const queue: Queue = { length: 0, headerBytes: 0, last: Promise.resolve(), leaving: leaving.signal };
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
