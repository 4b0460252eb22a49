import type { Socket } from 'node:net';
import { isIP } from 'node:net';
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';
import tls from 'node:tls';
import { FairSemaphore } from '../../shared/limits/fair-semaphore.ts';
import { proxyLimits } from '../limits.ts';
import type { ThreadShares } from '../thread-shares.ts';
import type { ToolOwner } from './resolver.ts';
import { ConnectionError, connectionClosed } from './tool-connection.ts';
import type { Trust } from './trust.ts';

const { unfinished, namespaceShare, patienceMs, slowMs, certificates, rsaBits, rsaExponent } =
  proxyLimits.toolHandshakes;

export type ConnectTls = (options: tls.ConnectionOptions) => TLSSocket;

/**
 * TLS handshakes with tools. OpenSSL verifies the certificates of a tool before this process sees them, which takes up to
 * 150 ms of the only thread, and there is no option that limits it. So few handshakes are unfinished at a time, and slow
 * certificates end the connection and are charged to the namespace, whose next handshakes wait.
 */
export class ToolHandshakes {
  readonly #threads: ThreadShares;
  readonly #permits = new FairSemaphore({ permits: unfinished, namespaceShare });

  constructor(threads: ThreadShares) {
    this.#threads = threads;
  }

  /**
   * Starts TLS on a connection.
   * @throws {ProxyError} 429 while the namespace has used up its share of the thread; the error of the connection.
   */
  async run(
    socket: Socket,
    host: string,
    { namespace, holder }: ToolOwner,
    trust: Trust,
    connectTls: ConnectTls,
  ): Promise<TLSSocket> {
    const share = this.#threads.of(namespace);
    const closed = new AbortController();
    const abort = (): void => closed.abort();
    socket.once('close', abort);
    if (socket.destroyed) abort();
    const tooMany = `tools of namespace ${namespace} have certificates that take long to verify`;
    const release = await this.#threads
      .wait(namespace, tooMany, closed.signal)
      .then(() => this.#permits.acquire({ namespace, podUid: holder }, closed.signal))
      .catch((error: unknown) => {
        throw socket.errored ?? error;
      });
    // A tool that does not respond keeps its permit until another connection waits for one. Waiting takes no time of the
    // thread, so it is not charged: a healthy tool can be slow, or this process.
    const timer = setInterval(() => {
      if (this.#permits.isWaitedFor(namespace)) socket.destroy(slowHandshake());
    }, patienceMs);
    try {
      this.#threads.ensureFree(namespace, tooMany);
      let isSlow = false;
      const secure = connectTls({
        ...{ socket, ...tlsOptions(host, trust) },
        checkServerIdentity: (name, certificate) =>
          isSlow ? slowHandshake() : tls.checkServerIdentity(name, certificate),
      });
      // Before the verdict, after which a rejected connection has no certificates.
      secure.prependOnceListener('secure', () => {
        isSlow = areSlow(secure.getPeerCertificate(true));
        if (isSlow) share.charge(slowMs);
      });
      // Before the listener of `secure`, which would close it without the error.
      socket.prependOnceListener('close', () => secure.destroy(socket.errored ?? undefined));
      await untilOpen(prepare(secure));
      return secure;
    } finally {
      clearInterval(timer);
      socket.off('close', abort);
      release();
    }
  }
}

/** Reports whether certificates are more, or have longer keys, than any tool needs. */
function areSlow(chain: DetailedPeerCertificate): boolean {
  let count = 0;
  for (let each: DetailedPeerCertificate | undefined = chain; each !== undefined; count += 1) {
    if (count === certificates) return true;
    if (each.modulus !== undefined && (Number(each.bits) > rsaBits || BigInt(each.exponent ?? 0) > rsaExponent))
      return true;
    const issuer: DetailedPeerCertificate | undefined = each.issuerCertificate;
    each = issuer === each ? undefined : issuer;
  }
  return false;
}

function slowHandshake(): ConnectionError {
  return new ConnectionError('ERR_TLS_SLOW', 'the TLS handshake of the tool takes too long');
}

/** Options of a TLS connection to a tool, with verification. */
export function tlsOptions(host: string, { context }: Trust): tls.ConnectionOptions {
  return {
    secureContext: context,
    rejectUnauthorized: true,
    ALPNProtocols: ['http/1.1'],
    // IP addresses are not server names (RFC 6066, 3).
    ...(isIP(host) === 0 ? { servername: host } : { host }),
  };
}

/** Prepares a socket for undici. */
export function prepare<S extends Socket>(socket: S): S {
  // undici takes ECONNRESET as the regular end of a response without a length, and fails an assertion if reading is
  // paused then. It has no option for that, and its listeners cannot be replaced. This listener runs before them.
  return socket.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'ECONNRESET') error.code = 'ECONNABORTED';
    // An alert after the handshake, about the client certificate. The end of the connection would hide it.
    if (error.code?.startsWith('ERR_SSL_') === true) socket.destroy(error);
  });
}

/** Waits for a connection, and for its TLS. @throws the error of the connection. */
export function untilOpen(socket: Socket): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const fail = (): void => reject(socket.errored ?? connectionClosed());
    socket.once('close', fail);
    socket.once('encrypted' in socket ? 'secureConnect' : 'connect', () => {
      socket.off('close', fail);
      resolve(socket);
    });
  });
}
