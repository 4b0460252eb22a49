import type { Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import { limits } from '../../limits/defaults.js';
import type { HandshakeFailure } from './handshake-failure.js';
import { startTls } from './tls-handshake.js';

const tlsHandshakeRecord = 0x16;

/**
 * Terminates a client's TLS with the certificate for the host of its CONNECT, regardless of the name in the handshake
 * (SNI). The client has permission for a Connector at that host, and for no other name. Clients that send plain HTTP in
 * the tunnel, as some do for hosts at port 80, are served without TLS.
 * @param socket a connection whose CONNECT was accepted.
 * @param certificate for the host of the CONNECT.
 * @param onPlain receives the stream with HTTP. It is not called if the client leaves or TLS fails.
 * @param onFailure see startTls.
 */
export function terminateTls(
  socket: Socket,
  certificate: SecureContext,
  onPlain: (plain: Socket) => void,
  onFailure: (reason: HandshakeFailure) => void,
): void {
  const timer = setTimeout(() => socket.destroy(), limits.connections.handshakeMs);
  const stop = (): void => clearTimeout(timer);
  socket.once('close', stop);
  const ignore = (): void => undefined;
  socket.on('error', ignore);
  socket.once('readable', () => {
    stop();
    const first = socket.read() as Buffer | null;
    if (first === null) {
      socket.destroy();
      return;
    }
    socket.unshift(first);
    socket.off('error', ignore);
    if (first[0] === tlsHandshakeRecord) startTls(socket, certificate, onPlain, onFailure);
    else onPlain(socket);
  });
}
