import type { Socket } from 'node:net';
import { Client } from 'undici';
import type { Dispatcher } from 'undici';
import { proxyLimits } from '../limits.ts';

/** A connection that is being opened. */
export interface Opening {
  /** The socket that is counted. Destroying it closes the connection at any time. */
  readonly socket: Socket;
  /** The stream of bytes to and from the tool: another one than `socket` for TLS in a tunnel. */
  readonly opened: Promise<Socket>;
}

/** Waits for a connection as long as the request needs it. */
export type PendingConnection = (isNeeded: () => boolean) => Promise<ToolConnection>;

/** A kept connection to a tool, for one request at a time. It is never opened again. */
export class ToolConnection {
  readonly socket: Socket;
  /** The requests that can use it. */
  readonly pool: string;
  /** Called when a request is complete. It is absent if the connection must not serve another request. */
  onIdle: (() => void) | undefined;
  readonly #client: Client;
  readonly #opening: Opening;
  #isOpened = false;
  #requests = 0;

  constructor(opening: Opening, pool: string) {
    this.pool = pool;
    this.#opening = opening;
    this.socket = opening.socket;
    const { idleMs } = proxyLimits.toolSockets;
    // The connector decides where the connection leads. `watchIdle` watches requests.
    this.#client = new Client('http://tool', {
      connect: (_, callback) => this.#open(callback),
      maxHeaderSize: proxyLimits.headers.bytes,
      ...{ headersTimeout: 0, bodyTimeout: 0, keepAliveTimeout: idleMs, keepAliveMaxTimeout: idleMs },
    });
  }

  /** Whether the current request is not the first one. */
  get isReused(): boolean {
    return this.#requests > 1;
  }

  /** Sends a request. The handler learns of errors too. */
  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    this.#requests += 1;
    this.#client.dispatch(options, handler);
  }

  #open(callback: (...args: [null, Socket] | [Error, null]) => void): void {
    if (this.#isOpened || this.socket.destroyed) {
      // Not an error of undici itself, after which it would keep the request waiting.
      callback(connectionClosed(), null);
      return;
    }
    this.#isOpened = true;
    this.#opening.opened.then(
      (opened) => callback(null, opened),
      (error: unknown) => callback(error instanceof Error ? error : connectionClosed(), null),
    );
  }
}

/** A connection that this process ends. `toolFailure` words it by its code. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
  readonly code: string;

  constructor(code: 'ECONNABORTED' | 'ETIMEDOUT' | 'ERR_TLS_SLOW', message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Returns the error of a connection that is closed before a request or during it. Sockets with a response in progress must
 * be destroyed with it: without an error undici ends the response, and fails an assertion if reading is paused.
 */
export function connectionClosed(): ConnectionError {
  return new ConnectionError('ECONNABORTED', 'the connection is closed');
}
