import { proxyLimits } from '../limits.ts';
import type { ConnectorRef } from '../../shared/connectors/model.ts';
import type { Log, LogFields } from '../../shared/log.ts';
import type { Decision } from '../rules/decision.ts';
import type { Verb } from '../rules/read-only.ts';
import type { ProxyErrorKind } from '../proxy-error.ts';
import type { ThreadShares } from '../thread-shares.ts';
import { valuesOf } from '../tool/headers.ts';
import { addressOf } from './authenticated-client.ts';
import type { ClientRequest } from './incoming-exchange.ts';
import { handshakeHints } from './handshake-failure.ts';
import type { HandshakeFailure } from './handshake-failure.ts';
import type { ProxyMode, RequestBytes, RouteRecord, ServerObserver } from './server-observer.ts';
import { objectKey } from '../../shared/names.ts';

const limit = proxyLimits.requestLog;
/** Bytes of a connection that earlier requests have counted. Node has read the headers before it reports a request. */
const counted = new WeakMap<object, RequestBytes>();
/** The ID of a trace, of which the header has further parts (W3C Trace Context, 3.2). */
const traceParent = /^(?!ff)[\da-f]{2}-(?!0{32})([\da-f]{32})-[\da-f]{16}-[\da-f]{2}(?:-|$)/;
/** Outcomes that are decisions against the request. */
const denials: ReadonlySet<string> = new Set<ProxyErrorKind>(['unauthenticated', 'denied', 'blocked_address']);

/** The dependencies of an entry. */
interface AccessLogOptions {
  readonly observer: ServerObserver;
  readonly threads: ThreadShares;
  readonly log: Log;
  readonly exchange: { readonly monotonicNow: () => number };
}

/**
 * The access log entry of one request: client, target and result. It never contains headers, query or body. A client without
 * any permission could fill the disk of the node with lines, so those of failed requests are left out while the client's
 * address has used up its share of the thread. Metrics count them.
 */
export class AccessLogEntry implements RouteRecord {
  readonly #incoming: ClientRequest;
  readonly #options: AccessLogOptions;
  readonly #startMs: number;
  #mode: ProxyMode = 'unknown';
  #host: string | undefined;
  #path: string | undefined;
  #isFinished = false;
  named: readonly ConnectorRef[] = [];
  connector: ConnectorRef | undefined;
  verb: Verb | undefined;
  decision: Decision['outcome'] | undefined;
  rule: string | undefined;
  firstByteMs: number | undefined;

  constructor(incoming: ClientRequest, options: AccessLogOptions) {
    this.#incoming = incoming;
    this.#options = options;
    this.#startMs = options.exchange.monotonicNow();
  }

  /** @param path without the query. */
  setTarget(mode: ProxyMode, host: string, path?: string): void {
    this.#mode = mode;
    this.#host = host;
    this.#path = path?.slice(0, limit.pathLength);
  }

  /** Logs and counts the request, after its response was written. Only the first call has an effect. */
  finish(outcome: 'ok' | 'aborted' | ProxyErrorKind, status: number): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    const { observer, threads, exchange } = this.#options;
    const { request } = this.#incoming;
    const { socket } = request;
    const before = counted.get(socket) ?? { received: 0, sent: 0 };
    const total = { received: socket.bytesRead, sent: socket.bytesWritten };
    counted.set(socket, total);
    const moved = { received: total.received - before.received, sent: total.sent - before.sent };
    const durationMs = exchange.monotonicNow() - this.#startMs;
    observer.finished(this.#mode, outcome, status, durationMs, moved);
    if (outcome === 'aborted') threads.of(addressOf(request)).charge(proxyLimits.thread.rejectionMs);
    this.#write('Request finished', this.#lineOf(outcome, status, durationMs, moved), outcome === 'ok');
  }

  /** Logs that the TLS handshake in the client's tunnel has failed. */
  handshakeFailed(reason: HandshakeFailure): void {
    const line = { ...this.#clientFields(), reason, host: this.#host, hint: handshakeHints[reason] };
    this.#write('TLS handshake in tunnel failed', line, false);
  }

  #write(message: string, line: LogFields, isServed: boolean): void {
    const { threads, log } = this.#options;
    if (isServed || threads.of(addressOf(this.#incoming.request)).delayMs() === 0) log.info(message, line);
  }

  #clientFields(): Pick<LogFields, 'serviceAccount' | 'pod'> {
    const { account, pod } = this.#incoming.client ?? {};
    return { serviceAccount: account && objectKey(account), pod: pod && objectKey(pod) };
  }

  #lineOf(outcome: string, status: number, durationMs: number, moved: RequestBytes): LogFields {
    const { method, rawHeaders } = this.#incoming.request;
    const [trace, second] = valuesOf(rawHeaders, 'traceparent');
    const meant = outcome === 'ok' ? [] : this.named;
    return {
      outcome,
      mode: this.#mode,
      status,
      durationMs: Math.round(durationMs),
      bytesReceived: moved.received,
      bytesSent: moved.sent,
      ...this.#clientFields(),
      method,
      host: this.#host,
      path: this.#path,
      firstByteMs: this.firstByteMs && Math.round(this.firstByteMs),
      connector: namesOf(this.connector === undefined ? meant : [this.connector]),
      decision: this.decision ?? (denials.has(outcome) ? 'denied' : undefined),
      rule: this.rule,
      verb: this.verb,
      traceId: second === undefined ? traceParent.exec(trace ?? '')?.[1] : undefined,
    };
  }
}

function namesOf(connectors: readonly ConnectorRef[]): string | undefined {
  if (connectors.length === 0) return undefined;
  const names = connectors.slice(0, limit.connectors).map(objectKey);
  const more = connectors.length > limit.connectors ? ` and ${connectors.length - limit.connectors} more` : '';
  return `${names.join(',')}${more}`;
}
