import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { SecureContext } from 'node:tls';
import { limits } from '../../shared/limits/defaults.js';
import { handshakeFailureOf } from './handshake-failure.js';
import type { HandshakeFailure } from './handshake-failure.js';

/**
 * Runs the server side of a TLS handshake.
 * @param socket a connection on which the client has sent nothing else. It is closed if the handshake fails or takes too
 * long.
 * @param onSecure receives the decrypted stream. It is not called if the client leaves or the handshake fails.
 * @param onFailure called if the handshake fails, by an alert of the client or an error of TLS.
 */
export function startTls(
  socket: Socket,
  certificate: SecureContext,
  onSecure: (secure: TLSSocket) => void,
  onFailure?: (reason: HandshakeFailure) => void,
): void {
  const timer = setTimeout(() => socket.destroy(), limits.connections.handshakeMs);
  const stop = (): void => clearTimeout(timer);
  socket.once('close', stop);
  socket.on('error', () => undefined);
  const secure = new TLSSocket(socket, { isServer: true, secureContext: certificate, ALPNProtocols: ['http/1.1'] });
  const fail = (error: Error): void => {
    const reason = handshakeFailureOf(error);
    if (reason !== undefined) onFailure?.(reason);
  };
  const leave = (): void => void socket.destroy();
  secure.once('error', fail).on('error', leave);
  // Node does not close a connection that the client ends during the handshake, or has ended before.
  secure.once('end', leave);
  socket.once('end', leave);
  if (socket.readableEnded) leave();
  secure.once('secure', () => {
    stop();
    secure.off('error', fail).off('end', leave);
    socket.off('end', leave);
    onSecure(secure);
  });
}
