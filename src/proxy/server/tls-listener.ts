import type { Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import type { SecureContext, TLSSocket } from 'node:tls';
import { CodedError } from '../../shared/errors.ts';
import { limits } from '../../shared/limits/defaults.ts';
import { listen } from '../../shared/process/listen.ts';
import type { ListenAddress } from '../../shared/process/listen.ts';
import type { ThreadShares } from '../thread-shares.ts';
import { startTls } from './tls-handshake.ts';

export interface TlsListenerOptions {
  readonly address: ListenAddress;
  /** Returns the certificate, for all names of the proxy. @throws {CodedError} while there is no CA. */
  readonly certificate: () => SecureContext;
  /**
   * Handshakes of a client address wait while its share is overdrawn. The attacker is a pod without a token that opens
   * connections in a loop: a handshake costs as much CPU time as several requests.
   */
  readonly threads: ThreadShares;
}

/** Receives the connections of a TlsListener. */
interface TlsConnectionHandler {
  /** Called with the connection before its handshake. @returns false if it was closed because of a limit. */
  readonly acquire: (socket: Socket) => boolean;
  /** Called with the decrypted stream after the handshake. */
  readonly secured: (secure: TLSSocket, socket: Socket) => void;
  /** Called if the connection cannot be served because of the proxy. It is closed. */
  readonly failed: (error: unknown) => void;
}

/** Listens for clients that speak TLS to the proxy itself. */
export class TlsListener {
  readonly #options: TlsListenerOptions;
  readonly #server: Server;

  constructor(options: TlsListenerOptions, handler: TlsConnectionHandler) {
    this.#options = options;
    this.#server = createServer({ noDelay: true, keepAlive: true }, (socket) => this.#onConnection(socket, handler));
  }

  /**
   * Starts listening.
   * @returns the port.
   * @throws {CodedError} FAILED_PRECONDITION if it cannot listen on the address.
   */
  async start(onAcceptError: (error: Error) => void): Promise<number> {
    return listen(this.#server, '--tls-address', this.#options.address, {
      backlog: limits.connections.backlog,
      onAcceptError,
    });
  }

  get isListening(): boolean {
    return this.#server.listening;
  }

  /** Accepts no further connections. */
  close(): void {
    this.#server.close();
  }

  #onConnection(socket: Socket, handler: TlsConnectionHandler): void {
    socket.on('error', () => undefined);
    if (!handler.acquire(socket)) return;
    const delayMs = this.#options.threads.handshakeDelayMs(socket.remoteAddress ?? '');
    if (delayMs === 0) {
      this.#secure(socket, handler);
      return;
    }
    const timer = setTimeout(() => this.#secure(socket, handler), delayMs);
    socket.once('close', () => clearTimeout(timer));
  }

  #secure(socket: Socket, handler: TlsConnectionHandler): void {
    let certificate: SecureContext;
    try {
      certificate = this.#options.certificate();
    } catch (error) {
      socket.destroy();
      // Without a CA the proxy is not ready, and says why at `/readyz`.
      if (!(error instanceof CodedError)) handler.failed(error);
      return;
    }
    startTls(socket, certificate, (secure) => handler.secured(secure, socket));
  }
}
