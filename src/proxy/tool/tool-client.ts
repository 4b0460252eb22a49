import { valuesOf } from './headers.ts';
import { UndiciCall } from './undici-call.ts';
import type { OutgoingBody } from './request-body.ts';
import type { ToolOwner } from './resolver.ts';
import type { Opening, PendingConnection } from './tool-connection.ts';
import { NodeCall } from './node-call.ts';
import { hasConnectionScheme } from './tool-exchange.ts';
import type { CallParts, ToolExchange, ToolRequest } from './tool-exchange.ts';
import { ToolConnection, connectionClosed } from './tool-connection.ts';
import { ToolConnector } from './tool-connector.ts';
import type { ToolConnectorOptions } from './tool-connector.ts';
import { BoundedMap } from '../../shared/limits/bounded-map.ts';
import { FairSemaphore } from '../../shared/limits/fair-semaphore.ts';
import { proxyLimits } from '../limits.ts';
import type { ToolSockets } from './tool-sockets.ts';

interface ToolClientOptions extends CallParts, ToolConnectorOptions {}

/** Headers of requests with `100 Continue` or trailers, which undici does not support. */
const headersBeyondUndici = ['expect', 'te', 'trailer'];

/** Connects to tools and sends requests: HTTP/1.1, with verified TLS and checked addresses. */
export class ToolClient {
  readonly #options: ToolClientOptions;
  readonly #connector: ToolConnector;
  readonly #openings: PoolOpenings;

  constructor(options: ToolClientOptions) {
    this.#options = options;
    this.#connector = new ToolConnector(options);
    this.#openings = new PoolOpenings(options.sockets);
  }

  /**
   * Sends a request.
   * @param body read as the tool takes it.
   * @param onContinue called when the tool has sent `100 Continue`, if the body's client waits for it.
   * @throws {ProxyError} 403 for a blocked address; 503 if there are too many sockets.
   */
  send(request: ToolRequest, body?: OutgoingBody, onContinue: () => void = () => undefined): ToolExchange {
    const { headers } = request;
    if (headersBeyondUndici.some((name) => valuesOf(headers, name).length > 0)) {
      const call = this.#single(request);
      call.send(body, onContinue);
      return call;
    }
    this.#ensureNotBlocked(request);
    const isExclusive = hasConnectionScheme(headers, 'authorization');
    const connection = isExclusive ? new ToolConnection(this.#open(request), '') : this.#kept(request);
    return new UndiciCall(request, body, connection, this.#options);
  }

  /** Sends a request to switch protocols, without a body. @throws {ProxyError} as `send`. */
  upgrade(request: ToolRequest): NodeCall {
    return this.#single(request);
  }

  /**
   * Opens a connection for a tunnel.
   * @throws {ProxyError} 403 for a blocked address; 503 if there are too many sockets.
   */
  connect(host: string, port: number, owner: ToolOwner): Opening {
    this.#options.resolver.ensureNotBlocked(host, port);
    return this.#connector.open(host, port, owner);
  }

  /** Closes idle connections and aborts those in use. */
  close(): void {
    this.#options.sockets.destroyAll();
  }

  /** Returns an idle connection, or one that is kept after the request too. */
  #kept(request: ToolRequest): ToolConnection | PendingConnection {
    const pool = poolOf(request);
    const open = (): Opening => this.#open(request);
    const idle = this.#options.sockets.takeIdle(pool);
    return idle ?? ((isNeeded) => this.#openings.connection(pool, request.owner, open, isNeeded));
  }

  #single(request: ToolRequest): NodeCall {
    this.#ensureNotBlocked(request);
    const opening = this.#open(request);
    try {
      return new NodeCall(opening, request, this.#options);
    } catch (error) {
      // Invalid headers.
      opening.socket.destroy();
      throw error;
    }
  }

  #open({ origin, trust, owner }: ToolRequest): Opening {
    const { host, port, scheme } = origin;
    if (scheme === 'http') return this.#connector.open(host, port, owner);
    if (trust === undefined) throw new TypeError('an https tool needs a trust store');
    return this.#connector.open(host, port, owner, trust);
  }

  /**
   * Checks the host of an origin on every call, because blocked addresses change.
   * @throws {ProxyError} 403 for a blocked address; 508 for the proxy itself.
   */
  #ensureNotBlocked({ origin }: ToolRequest): void {
    this.#options.resolver.ensureNotBlocked(origin.host, origin.port);
  }
}

/** Requests of one pool share idle connections. */
function poolOf({ origin, trust, owner }: ToolRequest): string {
  return `${owner.namespace} ${origin.scheme} ${origin.host} ${origin.port} ${trust?.id ?? ''}`;
}

const { total, opening: permits, openingWaitMs } = proxyLimits.toolSockets;

/**
 * Opens connections, a few of each pool at a time. In a burst most requests then get a connection that a request before
 * them has used, because a handshake takes ten times as long as a request.
 */
export class PoolOpenings {
  readonly #sockets: ToolSockets;
  readonly #waitMs: number;
  readonly #limits = new BoundedMap<FairSemaphore>(total);

  /** @param waitMs see `limits.toolSockets.openingWaitMs`. */
  constructor(sockets: ToolSockets, waitMs: number = openingWaitMs) {
    this.#sockets = sockets;
    this.#waitMs = waitMs;
  }

  /**
   * Returns a new connection, or one that becomes idle before. The pool is of one namespace.
   * @throws the error of `open`.
   */
  async connection(
    pool: string,
    { namespace, holder }: ToolOwner,
    open: () => Opening,
    isNeeded: () => boolean,
  ): Promise<ToolConnection> {
    const limit = this.#limits.get(pool) ?? new FairSemaphore({ permits, unlimited: namespace });
    this.#limits.set(pool, limit, namespace);
    // Long requests of other clients, or a slow tool, must not delay this one.
    const waited = AbortSignal.timeout(this.#waitMs);
    const release = await limit.acquire({ namespace, podUid: holder }, waited).catch(() => () => undefined);
    let isOpening = false;
    try {
      if (!isNeeded()) throw connectionClosed();
      const idle = this.#sockets.takeIdle(pool);
      if (idle !== undefined) return idle;
      const opening = open();
      isOpening = true;
      opening.opened.then(release, release);
      const connection = new ToolConnection(opening, pool);
      connection.onIdle = () => {
        this.#sockets.keep(connection);
        this.#limits.get(pool)?.runNext();
      };
      return connection;
    } finally {
      if (!isOpening) release();
    }
  }
}
