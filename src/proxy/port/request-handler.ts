import type { IncomingMessage } from 'node:http';
import { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../../clock.js';
import type { Log } from '../../log.js';
import type { Gatekeeper } from '../caller/gatekeeper.js';
import { Refusal } from '../refusal.js';
import { Exchange } from '../upstream/exchange.js';
import type { ExchangeParts } from '../upstream/exchange.js';
import { valuesOf } from '../upstream/headers.js';
import { joinConnections } from '../upstream/tunnel.js';
import { withheldFromAnswer } from '../upstream/tool-credential.js';
import { isPassableUpgrade, switchedHead } from '../upstream/upgrade.js';
import type { Switched } from '../upstream/upgrade.js';
import { authorityOf } from '../upstream/tool-origin.js';
import { parseAuthority } from '../credential/tool-address.js';
import type { Arrival } from './arrival.js';
import type { UseListener } from './connector-use.js';
import type { ExchangeSlot } from './exchange-slots.js';
import { answerRefusal, discardRest, endWith, rawAnswer, rawRefusal, refusalOf } from './refusal-answer.js';
import type { RequestLog } from './request-log.js';
import { RequestRecord } from './request-record.js';
import type { RequestObserver } from './request-record.js';
import { parseRequestTarget, pathnameOf } from './request-target.js';
import type { RequestTarget } from './request-target.js';
import type { Route, Router } from './router.js';
import type { TunnelSession } from './tunnel-session.js';
import { closeAtExpiry } from './tunnel-expiry.js';
import { addressOf, admit, admitReverse, holderOf } from './visit.js';
import { ensureNoBody, ensureSameHost, ensureWellFormed } from './well-formed.js';

export interface RequestHandlerOptions {
  readonly gatekeeper: Gatekeeper;
  readonly router: Router;
  readonly exchange: ExchangeParts;
  readonly clock: Clock;
  readonly observer: RequestObserver;
  readonly requestLog: RequestLog;
  readonly onUse: UseListener;
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
   * What goes wrong on the way is answered, logged and counted.
   */
  async serve(arrival: Arrival, response: ServerResponse): Promise<void> {
    const { request, body, session, leaving } = arrival;
    const record = this.#recordOf(request);
    const finish = session?.begin();
    try {
      const route = await this.#routeOf(arrival, record);
      if (route === 'answered') {
        response.writeHead(200, { ...registryRoot.headers, 'Content-Length': String(registryRoot.body.length) });
        response.end(registryRoot.body);
        record.finished('ok', 200);
      } else {
        const incoming = { request, body, response, expiresAtMs: record.expiresAtMs ?? 0 };
        const outcome = await new Exchange(this.#options.exchange, incoming).run(route.outgoing);
        record.answered(outcome.firstByteMs);
        record.finished(outcome.isBroken ? 'aborted' : 'ok', outcome.status);
      }
      discardRest(request, body, response);
    } catch (error) {
      const refusal = this.#refusalOf(error, record, leaving);
      if (refusal === undefined) response.destroy();
      else answerRefusal(request, body, response, refusal);
    } finally {
      finish?.();
    }
  }

  /** A request to change the protocol, on a connection that no longer belongs to the HTTP server. */
  async serveUpgrade(arrival: Arrival, socket: Socket, head: Buffer): Promise<void> {
    const { request, body, session, leaving } = arrival;
    const record = this.#recordOf(request);
    const finish = session?.begin();
    /** For a response of the tool that is none of a new protocol. */
    let response: ServerResponse | undefined;
    try {
      ensureNoBody(request, head);
      const route = await this.#routeOf(arrival, record);
      if (route === 'answered') {
        endWith(socket, rawAnswer(200, registryRoot.headers, registryRoot.body, true));
        record.finished('ok', 200);
        return;
      }
      response = responseOn(socket, request);
      const expiresAtMs = record.expiresAtMs ?? 0;
      const exchange = new Exchange(this.#options.exchange, { request, body, response, expiresAtMs });
      const outcome = await (isPassableUpgrade(request)
        ? exchange.upgrade(route.outgoing)
        : exchange.run(route.outgoing));
      if ('socket' in outcome) {
        response.detachSocket(socket);
        await this.#join(socket, outcome, withheldFromAnswer(route.outgoing.credential), expiresAtMs);
        record.finished('ok', 101);
      } else record.finished(outcome.isBroken ? 'aborted' : 'ok', outcome.status);
    } catch (error) {
      const refusal = this.#refusalOf(error, record, leaving);
      if (refusal === undefined || response?.headersSent === true) socket.destroy();
      else endWith(socket, rawRefusal(refusal, true));
    } finally {
      finish?.();
    }
  }

  async #join(
    socket: Socket,
    { message, socket: tool, first }: Switched,
    without: ReadonlySet<string>,
    expiresAtMs: number,
  ): Promise<void> {
    socket.write(switchedHead(message, without));
    if (first.length > 0) socket.write(first);
    const stopClosing = closeAtExpiry(socket, expiresAtMs, this.#options.clock);
    await joinConnections(socket, tool, this.#options.exchange);
    stopClosing();
  }

  async #routeOf(arrival: Arrival, record: RequestRecord): Promise<Route | 'answered'> {
    const { request, session, slot } = arrival;
    if (slot instanceof Refusal) throw slot;
    const { url = '' } = request;
    const target = session === undefined ? this.#options.router.targetOf(url) : parseRequestTarget(url);
    ensureWellFormed(request, target);
    const route =
      session === undefined
        ? await this.#outside(arrival, slot, target, record)
        : await this.#inside(arrival, slot, target, session, record);
    if (route !== 'answered' && route.connector !== undefined) record.usesConnector(route.connector);
    return route;
  }

  async #outside(
    { request, leaving: signal }: Arrival,
    slot: ExchangeSlot,
    target: RequestTarget,
    record: RequestRecord,
  ): Promise<Route | 'answered'> {
    const { gatekeeper, router } = this.#options;
    if (target.kind === 'forward') {
      const { named, path } = target;
      record.isFor('forward', authorityOf(named), pathnameOf(path));
      router.ensureFirstPass(request);
      const visit = await admit(request, gatekeeper, record, signal);
      record.isBy(visit.caller);
      slot.moveTo(...holderOf(visit.caller));
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
    slot.moveTo(...holderOf(caller));
    if (target.kind === 'registry-root') return 'answered';
    record.usesConnector(target.connector);
    return router.reverse(caller, target, `http://${host}`, signal);
  }

  /** With every request it is asked again whether token and access still count. */
  async #inside(
    { request, leaving: signal }: Arrival,
    slot: ExchangeSlot,
    target: RequestTarget,
    session: TunnelSession,
    record: RequestRecord,
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
        'token of this tunnel expired: open a new tunnel with the token that is in the volume now',
        { headers: { Connection: 'close' } },
      );
    }
    slot.moveTo(...holderOf(caller));
    try {
      const { token, connectors } = visit;
      return await this.#options.router.forward({ token, caller, connectors }, named, path, record, signal);
    } catch (error) {
      if (error instanceof Refusal && error.kind === 'denied') session.end();
      throw error;
    }
  }

  #recordOf(request: IncomingMessage): RequestRecord {
    const { observer, requestLog, exchange, onUse } = this.#options;
    return new RequestRecord(request, observer, requestLog, exchange.monotonicNow, onUse);
  }

  /** Records a failure. @returns how to answer it; undefined if the client has left. */
  #refusalOf(error: unknown, record: RequestRecord, leaving: AbortSignal): Refusal | undefined {
    if (leaving.aborted) {
      record.finished('aborted', 0);
      return undefined;
    }
    const refusal = refusalOf(error);
    if (refusal.kind === 'internal') this.#options.log.error('a request failed', { error });
    else if (refusal.cause !== undefined) this.#options.log.debug('a request was refused', { error: refusal.cause });
    record.finished(refusal.kind, refusal.status);
    return refusal;
  }
}

/** As a registry answers on its own root. */
const registryRoot = {
  headers: { 'Content-Type': 'application/json', 'Docker-Distribution-Api-Version': 'registry/2.0' },
  body: Buffer.from('{}'),
} as const;

/** @throws {Error} if another response is still being written. */
function responseOn(socket: Socket, request: IncomingMessage): ServerResponse {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.on('error', () => undefined);
  response.assignSocket(socket);
  response.once('finish', () => socket.destroySoon());
  return response;
}
