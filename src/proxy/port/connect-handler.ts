import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../../clock.js';
import type { Log } from '../../log.js';
import type { Gatekeeper } from '../caller/gatekeeper.js';
import type { LeafCertificates } from '../certificates/leaf-certificates.js';
import type { NamedHost } from '../credential/connector-match.js';
import { parseAuthority } from '../credential/tool-address.js';
import { Refusal } from '../refusal.js';
import type { ExchangeParts } from '../upstream/exchange.js';
import { valuesOf } from '../upstream/headers.js';
import { toolFailure } from '../upstream/tool-failure.js';
import { authorityOf } from '../upstream/tool-origin.js';
import { joinConnections } from '../upstream/tunnel.js';
import { endTls } from './interception.js';
import type { ExchangeSlot } from './exchange-slots.js';
import { endWith, rawRefusal, refusalOf } from './refusal-answer.js';
import type { RequestLog } from './request-log.js';
import { RequestRecord } from './request-record.js';
import type { RequestObserver } from './request-record.js';
import type { Router } from './router.js';
import { TunnelSession } from './tunnel-session.js';
import { closeAtExpiry } from './tunnel-expiry.js';
import { admit, holderOf, ownerOf } from './visit.js';
import type { Visit } from './visit.js';

export interface ConnectHandlerOptions {
  readonly gatekeeper: Gatekeeper;
  readonly router: Router;
  readonly exchange: ExchangeParts;
  readonly leaves: LeafCertificates;
  readonly clock: Clock;
  readonly observer: RequestObserver & TunnelObserver;
  readonly requestLog: RequestLog;
  readonly log: Log;
}

export interface TunnelObserver {
  tunnelOpened(kind: 'intercepted' | 'passthrough'): void;
  tunnelClosed(kind: 'intercepted' | 'passthrough'): void;
}

/** What becomes of the client's connection. */
export interface ConnectionTaker {
  /** It is to be read as HTTP again, after an answer that leaves it usable. */
  readonly again: () => void;
  /** Requests come on `plain`, which is what was in the tunnel. */
  readonly intercepted: (plain: Socket, session: TunnelSession) => void;
}

const flushMs = 30_000;
const established = 'HTTP/1.1 200 Connection established\r\n\r\n';

/** Serves CONNECT: a tunnel whose TLS ends here for hosts of the named connectors, a blind one for others. */
export class ConnectHandler {
  readonly #options: ConnectHandlerOptions;

  constructor(options: ConnectHandlerOptions) {
    this.#options = options;
  }

  /** What goes wrong on the way is answered, logged and counted. */
  async serve(
    request: IncomingMessage,
    socket: Socket,
    head: Buffer,
    slot: ExchangeSlot | Refusal,
    taker: ConnectionTaker,
  ): Promise<void> {
    const { observer, log, requestLog, exchange, gatekeeper, router } = this.#options;
    const record = new RequestRecord(request, observer, requestLog, exchange.monotonicNow);
    const leaving = new AbortController();
    const leave = (): void => leaving.abort();
    const ignore = (): void => undefined;
    socket.on('error', ignore).once('close', leave);
    if (head.length > 0) socket.unshift(head);
    try {
      if (slot instanceof Refusal) throw slot;
      const named = targetOf(request);
      record.isFor('tunnel', authorityOf(named));
      router.ensureFirstPass(request);
      const visit = await admit(request, gatekeeper, record, leaving.signal);
      record.isBy(visit.caller);
      slot.moveTo(...holderOf(visit.caller));
      const [match] = await router.matchesOf(visit, named, record, leaving.signal);
      if (match === undefined) {
        await this.#blind(visit, named, socket, record, leaving.signal);
        return;
      }
      record.usesConnector(match.connector.ref);
      socket.off('close', leave);
      this.#intercept(visit, named, socket, taker);
      record.finished('ok', 200);
    } catch (error) {
      if (leaving.signal.aborted) {
        record.finished('aborted', 0);
        return;
      }
      const refusal = refusalOf(error);
      if (refusal.kind === 'internal') log.error('a tunnel failed', { error });
      record.finished(refusal.kind, refusal.status);
      if (refusal.status !== 407) {
        endWith(socket, rawRefusal(refusal, true));
        return;
      }
      await flushed(socket, rawRefusal(refusal, false));
      socket.off('error', ignore).off('close', leave);
      taker.again();
    }
  }

  #intercept(visit: Visit, named: NamedHost, socket: Socket, taker: ConnectionTaker): void {
    const { observer, leaves, clock } = this.#options;
    // Where no certificate can be made, that is the answer.
    const certificate = leaves.contextFor(named.host);
    observer.tunnelOpened('intercepted');
    socket.once('close', () => observer.tunnelClosed('intercepted'));
    socket.write(established);
    const session = new TunnelSession(visit, named, socket, visit.caller.expiresAtMs - clock.now());
    endTls(socket, certificate, (plain) => taker.intercepted(plain, session));
  }

  /** The connection first, so that a host that is not there is an error that the client understands. */
  async #blind(
    visit: Visit,
    named: NamedHost,
    socket: Socket,
    record: RequestRecord,
    signal: AbortSignal,
  ): Promise<void> {
    const { exchange, clock, observer } = this.#options;
    const tool = exchange.client.connect(named.host, named.port, ownerOf(visit.caller));
    signal.addEventListener('abort', () => tool.destroy(), { once: true });
    try {
      await new Promise<void>((resolve, reject) => {
        tool.once('connect', resolve).once('error', reject);
        tool.once('close', () => reject(new Error('the client has gone')));
      });
    } catch (error) {
      throw toolFailure(error, authorityOf(named));
    }
    tool.on('error', () => undefined);
    observer.tunnelOpened('passthrough');
    socket.write(established);
    const stopClosing = closeAtExpiry(socket, visit.caller.expiresAtMs, clock);
    await joinConnections(socket, tool, exchange);
    stopClosing();
    observer.tunnelClosed('passthrough');
    record.finished('ok', 200, { received: tool.bytesWritten, sent: tool.bytesRead });
  }
}

/** Waits until an answer has left the process. A client that does not read it in time loses its connection. */
async function flushed(socket: Socket, answer: Buffer): Promise<void> {
  const timer = setTimeout(() => socket.destroy(), flushMs);
  await new Promise<void>((resolve) => {
    socket.once('close', resolve);
    socket.write(answer, () => {
      socket.off('close', resolve);
      resolve();
    });
  });
  clearTimeout(timer);
}

/** @throws {Refusal} 400 for what is no `host:port`, or comes with a body. */
function targetOf(request: IncomingMessage): NamedHost {
  const { url = '', rawHeaders, httpVersion } = request;
  const named = /:\d+$/.test(url) ? parseAuthority(url, 443) : undefined;
  const isAmbiguous =
    valuesOf(rawHeaders, 'transfer-encoding').length > 0 ||
    valuesOf(rawHeaders, 'content-length').some((length) => length !== '0') ||
    valuesOf(rawHeaders, 'host').length > 1 ||
    !httpVersion.startsWith('1.');
  if (named === undefined || isAmbiguous) {
    throw new Refusal(400, 'malformed', 'CONNECT must name host:port and have no body');
  }
  return { scheme: named.port === 80 ? 'http' : 'https', ...named };
}
