import type { Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import { limits } from '../../shared/limits/defaults.js';
import type { ConnectorMatch, NamedHost } from '../connectors/connector-match.js';
import type { HandshakeFailure } from './handshake-failure.js';
import { startTls } from './tls-handshake.js';

const tlsHandshakeRecord = 0x16;

/**
 * Reports whether clients can send plain HTTP in a tunnel to a host: at port 80, or if the address of one of its Connectors
 * is http. Some programs, such as those with undici, open tunnels for `http://` URLs too.
 */
export function canBePlain({ scheme }: NamedHost, matches: readonly ConnectorMatch[]): boolean {
  return scheme === 'http' || matches.some(({ address }) => address.scheme === 'http');
}

/**
 * Terminates a client's TLS as `startTls` does, or serves plain HTTP if the client sends that. To distinguish them it reads
 * the first bytes. Node then reads the TLS connection in pieces of 16 KiB instead of 64 KiB, which makes uploads slower
 * (docs/dev/decisions/0034), so callers use it only if `canBePlain`.
 * @param socket a connection whose CONNECT was accepted.
 * @param certificate for the host of the CONNECT.
 * @param onPlain receives the stream with HTTP. It is not called if the client leaves or TLS fails.
 * @param onFailure see `startTls`.
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
  // The client has ended it together with its CONNECT.
  if (socket.readableEnded) socket.destroy();
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
