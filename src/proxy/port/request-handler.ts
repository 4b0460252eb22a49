import type { IncomingMessage } from 'node:http';
import { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../../clock.js';
import type { Log } from '../../log.js';
import type { Gatekeeper } from '../caller/gatekeeper.js';
import { Refusal } from '../refusal.js';
import { Exchange } from '../upstream/exchange.js';
import type { ExchangeParts, Outgoing } from '../upstream/exchange.js';
import { valuesOf } from '../upstream/headers.js';
import { framingOf } from '../upstream/request-body.js';
import { joinConnections } from '../upstream/tunnel.js';
import { askForUpgrade, isPassableUpgrade, writeHead } from '../upstream/upgrade.js';
import { authorityOf } from '../upstream/tool-origin.js';
import { parseAuthority } from '../credential/tool-address.js';
import { answerRefusal, discardRest, refusalOf } from './refusal-answer.js';
import type { RequestLog } from './request-log.js';
import { RequestRecord } from './request-record.js';
import type { RequestObserver } from './request-record.js';
import { parseRequestTarget, pathnameOf } from './request-target.js';
import type { RequestTarget } from './request-target.js';
import type { Route, Router } from './router.js';
import type { TunnelSession } from './tunnel-session.js';
import { closeAtExpiry } from './tunnel-expiry.js';
import { addressOf, admit, admitReverse } from './visit.js';

export interface RequestHandlerOptions {
  readonly gatekeeper: Gatekeeper;
  readonly router: Router;
  readonly exchange: ExchangeParts;
  readonly clock: Clock;
  readonly observer: RequestObserver;
  readonly requestLog: RequestLog;
  readonly log: Log;
}

/** Serves single requests: through the proxy, in a tunnel whose TLS has ended, or to the proxy itself. */
export class RequestHandler {
  readonly #options: RequestHandlerOptions;

  constructor(options: RequestHandlerOptions) {
    this.#options = options;
  }

  /**
   * 1. Looks at the request line, and whether the message is one that all read alike.
   * 2. Asks who it is from.
   * 3. Finds the connector, asks whether it may be used, takes its credential.
   * 4. Lets the exchange run.
   * Never rejects: what goes wrong is answered and told in the log.
   * @param leaving aborts when the connection closes before the answer is whole.
   */
  async serve(
    request: IncomingMessage,
    response: ServerResponse,
    session: TunnelSession | undefined,
    leaving: AbortSignal,
  ): Promise<void> {
    const record = this.#recordOf(request);
    const finish = session?.begin();
    try {
      const route = await this.#routeOf(request, session, record, leaving);
      if (route === 'answered') {
        answerRegistryRoot(request, response);
        record.finished('ok', 200);
        return;
      }
      const exchange = new Exchange(this.#options.exchange, request, response);
      const { status, firstByteMs, isBroken } = await exchange.run(route.outgoing);
      record.answered(firstByteMs);
      record.finished(isBroken ? 'broken' : 'ok', status);
      discardRest(request, response);
    } catch (error) {
      this.#refuse(error, request, response, record, leaving);
    } finally {
      finish?.();
    }
  }

  /** A request to change the protocol, on a connection that no longer belongs to the HTTP server. Never rejects. */
  async serveUpgrade(
    request: IncomingMessage,
    socket: Socket,
    head: Buffer,
    session: TunnelSession | undefined,
  ): Promise<void> {
    const record = this.#recordOf(request);
    const leaving = new AbortController();
    socket.on('error', () => socket.destroy());
    socket.once('close', () => leaving.abort());
    const finish = session?.begin();
    // For answers that are none of a new protocol.
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    response.once('finish', () => socket.destroySoon());
    try {
      ensureNoBody(request, head);
      const route = await this.#routeOf(request, session, record, leaving.signal);
      if (route === 'answered') answerRegistryRoot(request, response);
      else if (isPassableUpgrade(request))
        await this.#upgrade(request, socket, response, route.outgoing, record, leaving);
      else await new Exchange(this.#options.exchange, request, response).run(route.outgoing);
      record.finished('ok', response.headersSent ? response.statusCode : 101);
    } catch (error) {
      this.#refuse(error, request, response, record, leaving.signal);
    } finally {
      finish?.();
    }
  }

  async #upgrade(
    request: IncomingMessage,
    socket: Socket,
    response: ServerResponse,
    outgoing: Outgoing,
    record: RequestRecord,
    leaving: AbortController,
  ): Promise<void> {
    const { exchange } = this.#options;
    const { client, timings } = exchange;
    const answer = await askForUpgrade(client, request, outgoing, timings.answerMs, leaving.signal);
    if (answer.kind === 'answered') {
      await new Exchange(exchange, request, response).relay(answer, outgoing);
      return;
    }
    response.detachSocket(socket);
    writeHead(socket, answer.head);
    if (answer.first.length > 0) socket.write(answer.first);
    const stopClosing = closeAtExpiry(socket, record.expiresAtMs ?? 0, this.#options.clock);
    await joinConnections(socket, answer.socket, exchange);
    stopClosing();
  }

  async #routeOf(
    request: IncomingMessage,
    session: TunnelSession | undefined,
    record: RequestRecord,
    signal: AbortSignal,
  ): Promise<Route | 'answered'> {
    const { url = '' } = request;
    const target = session === undefined ? this.#options.router.targetOf(url) : parseRequestTarget(url);
    ensureWellFormed(request, target);
    const route =
      session === undefined
        ? await this.#outside(request, target, record, signal)
        : await this.#inside(request, target, session, record, signal);
    if (route !== 'answered' && route.connector !== undefined) record.usesConnector(route.connector);
    return route;
  }

  async #outside(
    request: IncomingMessage,
    target: RequestTarget,
    record: RequestRecord,
    signal: AbortSignal,
  ): Promise<Route | 'answered'> {
    const { gatekeeper, router } = this.#options;
    if (target.kind === 'forward') {
      const { named, path } = target;
      record.isFor('forward', authorityOf(named), pathnameOf(path));
      router.ensureFirstPass(request);
      const visit = await admit(request, gatekeeper, record, signal);
      record.isBy(visit.caller);
      return router.forward(visit, named, path, record, signal);
    }
    const [host = ''] = valuesOf(request.rawHeaders, 'host');
    if (target.kind === 'origin') {
      record.isFor('unknown', '');
      throw new Refusal(
        404,
        'malformed',
        'this is a proxy: use it as http_proxy and https_proxy, or ask for /namespaces/NAMESPACE/connectors/NAME/',
      );
    }
    if (parseAuthority(host, 80) === undefined) throw new Refusal(400, 'malformed', 'the request names no host');
    record.isFor('reverse', host, target.kind === 'reverse' ? pathnameOf(`${target.prefix}${target.path}`) : '/v2/');
    if (target.kind === 'reverse') record.names([target.connector]);
    router.ensureFirstPass(request);
    const { caller } = await admitReverse(request, gatekeeper, signal);
    record.isBy(caller);
    if (target.kind === 'registry-root') return 'answered';
    record.usesConnector(target.connector);
    return router.reverse(caller, target, `http://${host}`, signal);
  }

  /** With every request it is asked again whether token and access still count. */
  async #inside(
    request: IncomingMessage,
    target: RequestTarget,
    session: TunnelSession,
    record: RequestRecord,
    signal: AbortSignal,
  ): Promise<Route> {
    const { named, visit } = session;
    const path = target.kind === 'forward' ? target.path : (request.url ?? '');
    record.isFor('intercepted', authorityOf(named), pathnameOf(path));
    this.#options.router.ensureFirstPass(request);
    record.isBy(visit.caller);
    record.names(visit.connectors);
    ensureSameHost(request, target, named);
    const caller = session.isOver
      ? undefined
      : await this.#options.gatekeeper.identify(visit.token, addressOf(request), signal);
    if (caller === undefined) {
      session.end();
      throw new Refusal(
        403,
        'unauthenticated',
        'the token of this tunnel has expired: open a new one with the token that is in the volume now',
        { headers: { Connection: 'close' } },
      );
    }
    try {
      const { token, connectors } = visit;
      return await this.#options.router.forward({ token, caller, connectors }, named, path, record, signal);
    } catch (error) {
      if (error instanceof Refusal && error.kind === 'denied') session.end();
      throw error;
    }
  }

  #recordOf(request: IncomingMessage): RequestRecord {
    const { observer, requestLog, exchange } = this.#options;
    return new RequestRecord(request, observer, requestLog, exchange.steadyNow);
  }

  #refuse(
    error: unknown,
    request: IncomingMessage,
    response: ServerResponse,
    record: RequestRecord,
    leaving: AbortSignal,
  ): void {
    const refusal = refusalOf(error);
    if (leaving.aborted) {
      record.finished('broken', 0);
      response.destroy();
      return;
    }
    if (refusal.kind === 'internal') this.#options.log.error('a request failed', { error });
    else if (refusal.cause !== undefined) this.#options.log.debug('a request was refused', { error: refusal.cause });
    answerRefusal(request, response, refusal);
    record.finished(refusal.kind, refusal.status);
  }
}

/**
 * What the parser lets pass and others may read differently.
 * @throws {Refusal} 400, 405, 501
 */
function ensureWellFormed(
  request: IncomingMessage,
  target: RequestTarget | undefined,
): asserts target is RequestTarget {
  const { rawHeaders, httpVersion, method } = request;
  const hosts = valuesOf(rawHeaders, 'host');
  if (target === undefined || (httpVersion !== '1.1' && httpVersion !== '1.0')) {
    throw new Refusal(400, 'malformed', 'the request line cannot be understood');
  }
  if (hosts.length > 1 || (hosts.length === 0 && httpVersion === '1.1')) {
    throw new Refusal(400, 'malformed', 'a request must have one Host header');
  }
  framingOf(request);
  // The tool would answer with what it got, the credential included.
  if (method === 'TRACE' || method === 'TRACK')
    throw new Refusal(405, 'malformed', `${method} does not pass the proxy`);
}

/** @throws {Refusal} 421 for a request to another host than that of the tunnel. */
function ensureSameHost(request: IncomingMessage, target: RequestTarget, named: TunnelSession['named']): void {
  const isSame = (host: string, port: number): boolean => host === named.host && port === named.port;
  const [header] = valuesOf(request.rawHeaders, 'host');
  const host = header === undefined ? named : parseAuthority(header, named.port);
  const usual = header === undefined || header.includes(':') ? undefined : parseAuthority(header, named.port);
  const isHost = host !== undefined && (isSame(host.host, host.port) || usual?.host === named.host);
  const isTarget = target.kind !== 'forward' || isSame(target.named.host, target.named.port);
  if (isHost && isTarget) return;
  throw new Refusal(421, 'malformed', `this tunnel leads to ${authorityOf(named)} and nowhere else`);
}

/** What follows the head of such a request belongs to the new protocol, or to nobody. */
function ensureNoBody(request: IncomingMessage, head: Buffer): void {
  const lengths = valuesOf(request.rawHeaders, 'content-length');
  const hasBody =
    lengths.some((length) => length !== '0') || valuesOf(request.rawHeaders, 'transfer-encoding').length > 0;
  if (hasBody || head.length > 0) throw new Refusal(400, 'malformed', 'a request to change the protocol has no body');
}

/** As a registry answers on its own root. */
function answerRegistryRoot(request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, {
    'Content-Type': 'application/json',
    'Docker-Distribution-Api-Version': 'registry/2.0',
    'Content-Length': '2',
  });
  response.end('{}');
  discardRest(request, response);
}
