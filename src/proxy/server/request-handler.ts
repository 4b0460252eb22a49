import type { IncomingMessage } from 'node:http';
import { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { throwIfAborted } from '../../shared/errors.ts';
import { ProxyError, rateLimited } from '../proxy-error.ts';
import type { ClientIdentity } from '../auth/ports.ts';
import { Exchange } from '../tool/exchange.ts';
import { valuesOf } from '../tool/headers.ts';
import { joinConnections } from '../tool/tunnel.ts';
import type { ToolCredential } from '../tool/tool-credential.ts';
import { isPassableUpgrade, switchedHead } from '../tool/exchange-headers.ts';
import type { Switched } from '../tool/exchange-headers.ts';
import { authorityOf } from '../tool/tool-origin.ts';
import { parseAuthority } from '../connectors/tool-address.ts';
import type { IncomingExchange, HandlerOptions } from './incoming-exchange.ts';
import type { ClientLimiter } from './client-limiter.ts';
import { delayRejection, sendError, discardEarly, discardRest, endGently, toProxyError } from './error-response.ts';
import { AccessLogEntry } from './access-log-entry.ts';
import { imagePullUser, parseRequestTarget, pathnameOf } from './request-target.ts';
import type { RequestTarget } from './request-target.ts';
import type { Route } from './router.ts';
import type { IncomingRequest } from './rule-enforcer.ts';
import type { TunnelSession } from './tunnel-session.ts';
import { closeAtExpiry, closeWhenReplaced } from './tunnel-session.ts';
import { addressOf, authenticate, authenticateReverse, ownerOf, podOf } from './authenticated-client.ts';
import { ensureNoBody, ensureSameHost, ensureWellFormed } from './well-formed.ts';

interface RequestHandlerOptions extends HandlerOptions {
  readonly clients: ClientLimiter;
}

/** Serves single requests in forward, intercepted and reverse mode. */
export class RequestHandler {
  readonly #options: RequestHandlerOptions;

  constructor(options: RequestHandlerOptions) {
    this.#options = options;
  }

  /**
   * Serves a request:
   * 1. Validates the request line and headers, so that all servers interpret the message alike.
   * 2. Authenticates the client.
   * 3. Selects the connector, authorizes the client, and gets the credential.
   * 4. Runs the exchange with the tool.
   *
   * Failures are sent to the client, logged and counted.
   */
  serve(incoming: IncomingExchange, response: ServerResponse): Promise<void> {
    return this.#serve(incoming, response, undefined);
  }

  /** Serves a request to switch protocols, on a connection that no longer belongs to the HTTP server. */
  serveUpgrade(incoming: IncomingExchange, socket: Socket, head: Buffer): Promise<void> {
    return this.#serve(incoming, responseOn(socket, incoming.request), head);
  }

  /** @param head the bytes after a request to switch protocols; undefined for other requests. */
  async #serve(incoming: IncomingExchange, response: ServerResponse, head: Buffer | undefined): Promise<void> {
    const { request, body, session } = incoming;
    const { exchange: parts } = this.#options;
    const entry = new AccessLogEntry(incoming, this.#options);
    const finish = session?.begin();
    let release: (() => void) | undefined;
    try {
      if (head !== undefined) ensureNoBody(request, head);
      const route = await this.#routeOf(incoming, entry);
      // The client can have left during a step that does not end with it. The exchange would not learn of it.
      throwIfAborted(incoming.clientGone);
      release = this.#acquire(route, incoming, entry);
      if (route === 'registry-root') {
        response.writeHead(200, { ...registryRoot.headers, 'Content-Length': String(registryRoot.body.length) });
        response.end(registryRoot.body);
        entry.finish('ok', 200);
      } else {
        const expiresAtMs = incoming.client?.expiresAtMs ?? 0;
        const exchange = new Exchange(parts, { request, body, response, expiresAtMs }, route.outgoing);
        const isUpgrade = head !== undefined && isPassableUpgrade(request);
        const outcome = await (isUpgrade ? exchange.upgrade() : exchange.run());
        if ('socket' in outcome) {
          response.detachSocket(request.socket);
          await this.#join(incoming, outcome, route.outgoing.credential, expiresAtMs);
          entry.finish('ok', 101);
          return;
        }
        entry.firstByteMs = outcome.firstByteMs;
        entry.finish(outcome.isAborted ? 'aborted' : 'ok', outcome.status);
      }
      discardRest(request, body, response);
    } catch (error) {
      const failure = await this.#toProxyError(error, incoming);
      if (failure === undefined) response.destroy();
      else sendError(request, body, response, failure);
      entry.finish(failure?.kind ?? 'aborted', failure?.status ?? 0);
    } finally {
      release?.();
      finish?.();
    }
  }

  /**
   * Records the connector, and enforces the limits that its owner set.
   * @returns a function to call when the request is complete; undefined if there are no limits.
   * @throws {ProxyError} 429, also if a namespace whose work this is has used up more than its share of the thread.
   */
  #acquire(
    route: Route | 'registry-root',
    { client }: IncomingExchange,
    entry: AccessLogEntry,
  ): (() => void) | undefined {
    if (route === 'registry-root' || client === undefined) return undefined;
    const { threads } = this.#options;
    const namespaces = [ownerOf(client).namespace, route.outgoing.owner.namespace];
    const exhausted = namespaces.find((namespace) => threads.isExhausted(namespace));
    if (exhausted !== undefined) throw rateLimited(`namespace ${exhausted} has used up its share of CPU time`);
    const { connector, ownerLimits } = route;
    if (connector === undefined) return undefined;
    entry.connector = connector;
    return ownerLimits && this.#options.clients.acquire(connector, ownerLimits, podOf(client));
  }

  async #join(
    { request: { socket }, client }: IncomingExchange,
    { message, socket: tool, first }: Switched,
    credential: ToolCredential,
    expiresAtMs: number,
  ): Promise<void> {
    socket.write(switchedHead(message, credential));
    if (first.length > 0) socket.write(first);
    const { exchange, threads } = this.#options;
    closeAtExpiry(socket, expiresAtMs, exchange.clock);
    closeWhenReplaced(socket, credential);
    await joinConnections(socket, tool, exchange, () =>
      threads.of(client === undefined ? '' : ownerOf(client).namespace),
    );
  }

  #routeOf(incoming: IncomingExchange, entry: AccessLogEntry): Promise<Route | 'registry-root'> {
    const { request, session, slot } = incoming;
    slot.ensureAcquired();
    const { url = '' } = request;
    const target = session === undefined ? this.#options.router.targetOf(url) : parseRequestTarget(url);
    ensureWellFormed(request, target);
    return session === undefined
      ? this.#routeOutsideTunnel(incoming, target, entry)
      : this.#routeInTunnel(incoming, target, session, entry);
  }

  async #routeOutsideTunnel(
    incoming: IncomingExchange,
    target: RequestTarget,
    entry: AccessLogEntry,
  ): Promise<Route | 'registry-root'> {
    const { request, slot, clientGone: signal } = incoming;
    const { authorizer, router } = this.#options;
    if (target.kind === 'forward') {
      const { named, path } = target;
      entry.setTarget('forward', authorityOf(named), pathnameOf(path));
      router.ensureFirstPass(request);
      const authenticated = await authenticate(request, authorizer, entry, signal);
      incoming.client = authenticated.client;
      slot.moveTo(incoming.client);
      return router.forward(authenticated, target, incomingOf(incoming), entry, signal);
    }
    const [host = ''] = valuesOf(request.rawHeaders, 'host');
    if (target.kind === 'origin') {
      entry.setTarget('unknown', '');
      const message =
        'this is a proxy: use it as http_proxy and https_proxy, or ask for /namespaces/NAMESPACE/connectors/NAME/';
      throw new ProxyError(404, 'malformed', message);
    }
    if (parseAuthority(host, 80) === undefined) throw new ProxyError(400, 'malformed', 'the request names no host');
    entry.setTarget('reverse', host, target.kind === 'reverse' ? pathnameOf(`${target.prefix}${target.path}`) : '/v2/');
    if (target.kind === 'reverse') entry.named = [target.connector];
    router.ensureFirstPass(request);
    const { client, user } = await authenticateReverse(request, authorizer, signal);
    incoming.client = client;
    slot.moveTo(client);
    const wanted = { ...target, isImagePull: user === imagePullUser };
    if (wanted.kind === 'registry-root') return 'registry-root';
    entry.connector = wanted.connector;
    const scheme = request.socket instanceof TLSSocket ? 'https' : 'http';
    return router.reverse(client, { ...wanted, base: `${scheme}://${host}` }, incomingOf(incoming), entry, signal);
  }

  /** Routes a request in a tunnel. Token and access are checked again for every request. */
  async #routeInTunnel(
    incoming: IncomingExchange,
    target: RequestTarget,
    session: TunnelSession,
    entry: AccessLogEntry,
  ): Promise<Route> {
    const { request, slot, clientGone: signal } = incoming;
    const { named, authenticated } = session;
    const path = target.kind === 'forward' ? target.path : (request.url ?? '');
    entry.setTarget('intercepted', authorityOf(named), pathnameOf(path));
    this.#options.router.ensureFirstPass(request);
    incoming.client = authenticated.client;
    entry.named = authenticated.connectors;
    ensureSameHost(request, target, named);
    const client = session.isOver
      ? undefined
      : await this.#options.authorizer.identify(authenticated.token, addressOf(request), signal);
    if (client === undefined) {
      session.end();
      const message = 'token of this tunnel expired: open a new tunnel with the token that is in the volume now';
      throw new ProxyError(403, 'unauthenticated', message, { headers: { Connection: 'close' } });
    }
    slot.moveTo(client);
    try {
      const { connectors } = authenticated;
      const route = { named, path };
      return await this.#options.router.forward({ client, connectors }, route, incomingOf(incoming), entry, signal);
    } catch (error) {
      if (error instanceof ProxyError && error.kind === 'denied') await this.#endIfRevoked(session, client, signal);
      throw error;
    }
  }

  /** Ends a tunnel whose CONNECT would be denied now. A client that lacks only the verb of a request can continue. */
  async #endIfRevoked(session: TunnelSession, client: ClientIdentity, signal: AbortSignal): Promise<void> {
    const { connectors } = session.authenticated;
    await this.#options.authorizer.authorizeAny(client, connectors, signal).catch(() => session.end());
  }

  /** Logs a failure and delays its response. @returns the response to send, or that was sent; undefined if the client has left. */
  async #toProxyError(error: unknown, incoming: IncomingExchange): Promise<ProxyError | undefined> {
    const { request, body, slot, clientGone } = incoming;
    const { errored } = request.socket;
    if (clientGone.aborted) return errored instanceof ProxyError ? errored : undefined;
    const failure = toProxyError(error);
    if (failure.kind === 'internal') this.#options.log.error('Request failed', { error });
    else if (failure.cause !== undefined) this.#options.log.debug('Request rejected', { error: failure.cause });
    discardEarly(request, body);
    await delayRejection(request, slot, this.#options.threads, clientGone);
    return failure;
  }
}

function incomingOf({ request: { method, rawHeaders }, body }: IncomingExchange): IncomingRequest {
  return { method, rawHeaders, body };
}

/** The response of a registry at its root. */
const registryRoot = {
  headers: { 'Content-Type': 'application/json', 'Docker-Distribution-Api-Version': 'registry/2.0' },
  body: Buffer.from('{}'),
} as const;

/** Returns a response on the socket. @throws {Error} if another response is still being written. */
function responseOn(socket: Socket, request: IncomingMessage): ServerResponse {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.on('error', () => undefined);
  response.assignSocket(socket);
  // As Node's server does. After a switch of protocols the client can end its side first.
  socket.once('end', () => response.socket?.end());
  response.once('finish', () => endGently(socket));
  return response;
}
