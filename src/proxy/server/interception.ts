import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { SecureContext } from 'node:tls';
import { limits } from '../../limits/defaults.js';

const handshakeMs = limits.connections.handshakeMs;
const tlsHandshakeRecord = 0x16;

/**
 * Ends a client's TLS with the certificate for the host of its CONNECT, whatever name the client sends in its handshake
 * (SNI): the client may use a Connector at that host, and no other name. A client that speaks plain HTTP in its tunnel, as
 * some do to hosts at port 80, is served as it is.
 * @param socket a connection whose CONNECT was answered.
 * @param certificate for the host of the CONNECT.
 * @param onPlain gets the connection that HTTP is spoken on. It is not called when the client leaves or TLS fails.
 */
export function terminateTls(socket: Socket, certificate: SecureContext, onPlain: (plain: Socket) => void): void {
  const timer = setTimeout(() => socket.destroy(), handshakeMs);
  socket.once('close', () => clearTimeout(timer));
  const ignore = (): void => undefined;
  socket.on('error', ignore);
  socket.once('readable', () => {
    const first = socket.read() as Buffer | null;
    if (first === null) {
      socket.destroy();
      return;
    }
    socket.unshift(first);
    if (first[0] !== tlsHandshakeRecord) {
      clearTimeout(timer);
      socket.off('error', ignore);
      onPlain(socket);
      return;
    }
    const tls = new TLSSocket(socket, {
      isServer: true,
      secureContext: certificate,
      ALPNProtocols: ['http/1.1'],
    });
    tls.on('error', () => socket.destroy());
    tls.once('secure', () => {
      clearTimeout(timer);
      onPlain(tls);
    });
  });
}
