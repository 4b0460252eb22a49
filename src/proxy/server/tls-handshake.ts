import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { SecureContext } from 'node:tls';
import { limits } from '../../shared/limits/defaults.ts';
import type { ConnectorMatch } from '../connectors/connector-match.ts';
import type { ToolOrigin } from '../tool/tool-origin.ts';
import { handshakeFailureOf } from './handshake-failure.ts';
import type { HandshakeFailure } from './handshake-failure.ts';

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

const tlsHandshakeRecord = 0x16;

/**
 * Reports whether clients can send plain HTTP in a tunnel to a host: at port 80, or if the address of one of its Connectors
 * is http. Some programs, such as those with undici, open tunnels for `http://` URLs too.
 */
export function canBePlain({ scheme }: ToolOrigin, matches: readonly ConnectorMatch[]): boolean {
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
