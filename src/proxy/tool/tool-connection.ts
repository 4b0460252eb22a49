import type { Socket } from 'node:net';
import { Client } from 'undici';
import type { Dispatcher } from 'undici';
import { proxyLimits } from '../limits.ts';

/** A kept connection to a tool, for one request at a time. It is never opened again. */
export class ToolConnection {
  readonly socket: Socket;
  /** Called when a request is complete. It is absent if the connection must not serve another request. */
  onIdle: (() => void) | undefined;
  readonly #client: Client;
  #isOpened = false;
  #requests = 0;

  /** @param socket that is being opened. */
  constructor(socket: Socket) {
    this.socket = socket;
    const { idleMs } = proxyLimits.toolSockets;
    // The connector decides where the connection leads. IdleTimeoutMonitor watches requests.
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
    const { socket } = this;
    if (this.#isOpened || socket.destroyed) {
      // Not an error of undici itself, after which it would keep the request waiting.
      callback(new ConnectionClosed(), null);
      return;
    }
    this.#isOpened = true;
    const fail = (): void => callback(socket.errored ?? new ConnectionClosed(), null);
    socket.once('close', fail);
    socket.once('encrypted' in socket ? 'secureConnect' : 'connect', () => {
      socket.off('close', fail);
      callback(null, socket);
    });
  }
}

/**
 * A connection that is closed before a request or during it. Sockets with a response in progress must be destroyed with
 * it: without an error undici ends the response, and fails an assertion if reading is paused.
 */
export class ConnectionClosed extends Error {
  override readonly name = 'ConnectionClosed';
  readonly code = 'ECONNABORTED';

  constructor() {
    super('the connection is closed');
  }
}
