import type { Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import { limits } from '../../limits/defaults.js';
import type { ConnectorMatch, NamedHost } from '../credential/connector-match.js';
import type { HandshakeFailure } from './handshake-failure.js';
import { startTls } from './tls-handshake.js';

const tlsHandshakeRecord = 0x16;

/**
 * Reports whether clients can send plain HTTP in a tunnel to a host: at port 80, and where the tool's own address is
 * http. Some programs open tunnels for `http://` URLs too, such as those with undici.
 */
export function canBePlain({ scheme }: NamedHost, matches: readonly ConnectorMatch[]): boolean {
  return scheme === 'http' || matches.some(({ address }) => address.scheme === 'http');
}

/**
 * Terminates a client's TLS as startTls, or serves plain HTTP if that is what the client sends. Node reads a TLS
 * connection that begins with bytes that were read before in pieces of 16 KiB instead of 64 KiB, which makes uploads a
 * fifth slower, so this is only for hosts that `canBePlain`.
 * @param onPlain receives the stream with HTTP. It is not called if the client leaves or TLS fails.
 */
export function startTlsOrPlain(
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
