import type { Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import type { SecureContext, TLSSocket } from 'node:tls';
import { CodedError } from '../../shared/errors.ts';
import type { ListenAddress } from '../../shared/process/listen.ts';
import { proxyLimits } from '../limits.ts';
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

interface TlsServerOptions extends TlsListenerOptions {
  /** Called with the connection before its handshake. @returns false if it was closed because of a limit. */
  readonly acquire: (socket: Socket) => boolean;
  /** Called with the decrypted stream after the handshake. */
  readonly secured: (secure: TLSSocket, socket: Socket) => void;
  /** Called if the connection cannot be served because of the proxy. It is closed. */
  readonly failed: (error: unknown) => void;
}

/** Returns a server for clients that speak TLS to the proxy itself. */
export function createTlsServer({ certificate, threads, acquire, secured, failed }: TlsServerOptions): Server {
  const secure = (socket: Socket): void => {
    let context: SecureContext;
    try {
      context = certificate();
    } catch (error) {
      socket.destroy();
      // Without a CA the proxy is not ready, and says why at `/readyz`.
      if (!(error instanceof CodedError)) failed(error);
      return;
    }
    startTls(socket, context, (stream) => secured(stream, socket));
  };
  return createServer({ noDelay: true, keepAlive: true }, (socket) => {
    socket.on('error', () => undefined);
    if (!acquire(socket)) return;
    const share = threads.of(`address ${socket.remoteAddress ?? ''}`);
    share.charge(proxyLimits.thread.handshakeMs);
    const stopWaiting = share.whenFree(() => secure(socket));
    socket.once('close', stopWaiting);
  });
}
