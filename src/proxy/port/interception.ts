import { isIP } from 'node:net';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { SecureContext } from 'node:tls';
import type { LeafCertificates } from '../certificates/leaf-certificates.js';
import type { ClientBuffers } from '../upstream/stream-buffer.js';

/** For the first byte in the tunnel, and again for the handshake. */
const handshakeMs = 30_000;
const tlsHandshakeRecord = 0x16;

/**
 * Ends a client's TLS: the client gets a certificate of the proxy's CA for the host that it asks for. A client that
 * speaks plain HTTP in its tunnel, as some do to hosts at port 80, is served as it is.
 * @param socket a connection whose CONNECT was answered.
 * @param host of the CONNECT.
 * @param onPlain gets the connection that HTTP is spoken on. It is not called when the client leaves or TLS fails.
 */
export function endTls(
  socket: Socket,
  host: string,
  { leaves, buffers }: { readonly leaves: LeafCertificates; readonly buffers: ClientBuffers },
  onPlain: (plain: Socket) => void,
): void {
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
    const ofHost = certificateOf(leaves, host);
    if (ofHost instanceof Error) {
      socket.destroy();
      return;
    }
    const tls = new TLSSocket(socket, {
      isServer: true,
      ...buffers.next,
      secureContext: ofHost,
      ALPNProtocols: ['http/1.1'],
      SNICallback: (name, callback) => {
        const ofName = isServerName(name) ? certificateOf(leaves, name.toLowerCase()) : ofHost;
        if (ofName instanceof Error) callback(ofName);
        else callback(null, ofName);
      },
    });
    buffers.count(tls);
    tls.on('error', () => socket.destroy());
    tls.once('secure', () => {
      clearTimeout(timer);
      onPlain(tls);
    });
  });
}

/** Why there is none, where the CA cannot sign: a Secret that somebody edits is a trouble of tunnels, not of the process. */
function certificateOf(leaves: LeafCertificates, host: string): SecureContext | Error {
  try {
    return leaves.contextFor(host);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** What may stand in a certificate. */
function isServerName(name: string): boolean {
  return name.length <= 253 && isIP(name) === 0 && /^[a-z0-9_]([-a-z0-9_.]*[a-z0-9_])?$/i.test(name);
}
