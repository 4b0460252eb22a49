import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { limits } from '../../shared/limits/defaults.ts';
import { proxyLimits } from '../limits.ts';
import type { LeafCertificates } from '../certificates/leaf-certificates.ts';
import type { ToolOrigin } from '../tool/tool-origin.ts';
import { ProxyError } from '../proxy-error.ts';
import { hasBody, valuesOf } from '../tool/headers.ts';
import { toolFailure } from '../tool/tool-failure.ts';
import { authorityOf } from '../tool/tool-origin.ts';
import { joinConnections } from '../tool/tunnel.ts';
import type { HandshakeFailure } from './handshake-failure.ts';
import { canBePlain, startTlsOrPlain, startTls } from './tls-handshake.ts';
import type { ExchangeSlot } from './exchange-slots.ts';
import { delayRejection, endWith, rawErrorResponse, toProxyError } from './error-response.ts';
import type { HandlerOptions, ClientRequest } from './incoming-exchange.ts';
import { AccessLogEntry } from './access-log-entry.ts';
import { parseConnectTarget } from './request-target.ts';
import { TunnelSession, closeAtExpiry } from './tunnel-session.ts';
import { authenticate, ownerOf } from './authenticated-client.ts';
import type { AuthenticatedClient } from './authenticated-client.ts';

interface ConnectHandlerOptions extends HandlerOptions {
  readonly leaves: LeafCertificates;
}

/** Continues with the client's connection after a CONNECT. */
interface ConnectionOwner {
  /** Parses HTTP on the connection again, after a response that leaves it usable. */
  readonly resumeHttp: () => void;
  /** Serves requests on `plain`, the stream inside the tunnel. */
  readonly intercepted: (plain: Socket, session: TunnelSession) => void;
}

const established = 'HTTP/1.1 200 Connection established\r\n\r\n';

/** Serves CONNECT. The proxy terminates TLS for hosts of the named connectors; other hosts get a passthrough tunnel. */
export class ConnectHandler {
  readonly #options: ConnectHandlerOptions;

  constructor(options: ConnectHandlerOptions) {
    this.#options = options;
  }

  /** Serves one CONNECT. Failures are sent to the client, logged and counted. */
  async serve(
    request: IncomingMessage,
    socket: Socket,
    head: Buffer,
    slot: ExchangeSlot,
    owner: ConnectionOwner,
  ): Promise<void> {
    const { observer, log, authorizer, router, threads } = this.#options;
    const incoming: ClientRequest = { request };
    const entry = new AccessLogEntry(incoming, this.#options);
    const clientGone = new AbortController();
    const abort = (): void => clientGone.abort();
    const ignore = (): void => undefined;
    socket.on('error', ignore).once('close', abort);
    if (head.length > 0) socket.unshift(head);
    try {
      slot.ensureAcquired();
      const named = targetOf(request);
      entry.setTarget('tunnel', authorityOf(named));
      router.ensureFirstPass(request);
      const authenticated = await authenticate(request, authorizer, entry, clientGone.signal);
      incoming.client = authenticated.client;
      slot.moveTo(authenticated.client);
      const matches = await router.matchesOf(authenticated, named, entry, clientGone.signal);
      const [match] = matches;
      if (match === undefined) {
        await this.#passThrough(authenticated, named, socket, entry, clientGone.signal);
        return;
      }
      entry.connector = match.connector.ref;
      const { namespace } = ownerOf(authenticated.client);
      const tooMany = `too many TLS handshakes of namespace ${namespace}`;
      await threads.waitForTurn(namespace, tooMany, clientGone.signal, proxyLimits.thread.handshakeMs);
      socket.off('close', abort);
      const start = canBePlain(named, matches) ? startTlsOrPlain : startTls;
      this.#intercept(authenticated, named, socket, owner, start, (reason) => {
        observer.handshakeFailed(reason);
        entry.handshakeFailed(reason);
      });
      entry.finish('ok', 200);
    } catch (error) {
      if (clientGone.signal.aborted) {
        entry.finish('aborted', 0);
        return;
      }
      const failure = toProxyError(error);
      if (failure.kind === 'internal') log.error('Tunnel failed', { error });
      await delayRejection(request, slot, threads, clientGone.signal);
      const isLast = failure.status !== 407;
      if (isLast) endWith(socket, failure);
      else await flushed(socket, rawErrorResponse(failure, false));
      entry.finish(failure.kind, failure.status);
      if (isLast) return;
      socket.off('error', ignore).off('close', abort);
      owner.resumeHttp();
    }
  }

  /**
   * Terminates the client's TLS with the certificate for the host of its CONNECT, regardless of the name in the handshake
   * (SNI). The client has permission for a Connector at that host, and for no other name.
   * @param start `startTlsOrPlain` if clients can also send plain HTTP.
   */
  #intercept(
    authenticated: AuthenticatedClient,
    named: ToolOrigin,
    socket: Socket,
    owner: ConnectionOwner,
    start: typeof startTlsOrPlain,
    onFailure: (reason: HandshakeFailure) => void,
  ): void {
    const { observer, leaves, exchange } = this.#options;
    // Before the response, so that the client gets the error if no certificate can be issued.
    const certificate = leaves.contextFor(named.host);
    observer.tunnelOpened('intercepted');
    socket.once('close', () => observer.tunnelClosed('intercepted'));
    socket.write(established);
    const session = new TunnelSession(
      authenticated,
      named,
      socket,
      authenticated.client.expiresAtMs - exchange.clock.now(),
    );
    start(socket, certificate, (plain) => owner.intercepted(plain, session), onFailure);
  }

  /** Connects to the tool before the response, so that the client gets an error if the tool is unreachable. */
  async #passThrough(
    authenticated: AuthenticatedClient,
    named: ToolOrigin,
    socket: Socket,
    entry: AccessLogEntry,
    signal: AbortSignal,
  ): Promise<void> {
    const { exchange, observer, threads } = this.#options;
    const { socket: tool, opened } = exchange.client.connect(named.host, named.port, ownerOf(authenticated.client));
    signal.addEventListener('abort', () => tool.destroy(), { once: true });
    await opened.catch((error: unknown) => {
      throw toolFailure(error, authorityOf(named));
    });
    observer.tunnelOpened('passthrough');
    socket.write(established);
    closeAtExpiry(socket, authenticated.client.expiresAtMs, exchange.clock);
    await joinConnections(socket, tool, exchange, () => threads.of(ownerOf(authenticated.client).namespace));
    observer.tunnelClosed('passthrough');
    entry.finish('ok', 200);
  }
}

/** Waits until a response has left the process. A client that does not read it in time loses its connection. */
async function flushed(socket: Socket, response: Buffer): Promise<void> {
  const timer = setTimeout(() => socket.destroy(), limits.connections.flushMs);
  await new Promise((resolve) => socket.write(response, resolve));
  clearTimeout(timer);
}

/** Parses the target. @throws {ProxyError} 400 if it is not `host:port`, or if the request can have a body. */
function targetOf(request: IncomingMessage): ToolOrigin {
  const { url = '', rawHeaders, httpVersion } = request;
  const named = parseConnectTarget(url);
  const isAmbiguous = hasBody(rawHeaders) || valuesOf(rawHeaders, 'host').length > 1 || !httpVersion.startsWith('1.');
  if (named === undefined || isAmbiguous) {
    throw new ProxyError(400, 'malformed', 'CONNECT must name host:port and have no body');
  }
  return named;
}
