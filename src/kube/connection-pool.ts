import { connect } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { isIP } from 'node:net';
import { once } from 'node:events';
import { throwIfAborted } from '../errors.js';
import { abortable, sleep, startDeadline } from '../abortable.js';
import { backoffMs } from './backoff.js';
import { isSameTls } from './cluster-config.js';
import type { ClusterConfig, TlsMaterial } from './cluster-config.js';
import { TransportError, transportError } from './connection.js';
import type { Connection, ExchangeKind, HttpResponse, HttpRequest } from './connection.js';
import { Http1Connection } from './http1-connection.js';
import { Http2Connection } from './http2-connection.js';
import type { KubeTimings } from './timings.js';

/** The randomness and the monotonic clock (milliseconds) of the client. */
export interface ClockAndRandom {
  readonly now: () => number;
  readonly random: () => number;
}

/**
 * Usually one connection; another one only when the server allows no more streams on it. At most one is being opened
 * at any time, and not before a jittered delay after a failure: however many calls wait, a server that is away sees
 * one attempt at a time from each node.
 */
export class ConnectionPool {
  readonly #config: ClusterConfig;
  readonly #timings: KubeTimings;
  readonly #clock: ClockAndRandom;
  readonly #closing = new AbortController();
  readonly #upkeep: NodeJS.Timeout;
  #connections: readonly Connection[] = [];
  /** What the connections were made with that are not retired. */
  #tls: TlsMaterial | undefined;
  #dialing: Promise<Connection> | undefined;
  #failures = 0;
  #notBeforeMs = 0;
  readonly #maxConnections: number;

  /** @param maxConnections as many that are to be used no more may be open beside them, until what is under way has ended. */
  constructor(config: ClusterConfig, timings: KubeTimings, clock: ClockAndRandom, maxConnections: number) {
    this.#maxConnections = maxConnections;
    this.#config = config;
    this.#timings = timings;
    this.#clock = clock;
    this.#upkeep = setInterval(() => this.#keepUp(), timings.pingIntervalMs).unref();
  }

  /** @throws {TransportError}; {CodedError} the signal's reason. */
  async request(kind: ExchangeKind, request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    throwIfAborted(signal);
    let connection = this.#connections.find((candidate) => candidate.hasRoom(kind));
    // Checked and taken without a wait between, so that a connection never gets more than it has room for.
    while (!connection?.hasRoom(kind)) {
      this.#ensureMayDial();
      this.#dialing ??= this.#dial().finally(() => (this.#dialing = undefined));
      connection = await abortable(this.#dialing, signal);
    }
    return connection.request(request, signal);
  }

  get count(): number {
    return this.#connections.length;
  }

  /** Whether no request can succeed any more. */
  get isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  close(): void {
    clearInterval(this.#upkeep);
    this.#closing.abort();
    for (const connection of this.#connections) connection.close();
  }

  /** @throws {TransportError} */
  #ensureMayDial(): void {
    const usable = this.#connections.filter(({ isLeaving }) => !isLeaving);
    if (this.#dialing === undefined && usable.length >= this.#maxConnections) {
      throw new TransportError(`all ${this.#maxConnections} connections to the API server are full`, false);
    }
  }

  async #dial(): Promise<Connection> {
    const { now, random } = this.#clock;
    try {
      await sleep(Math.max(0, this.#notBeforeMs - now()), this.#closing.signal);
      const connection = await this.#open();
      if (!connection.hasRoom('call')) throw new TransportError('the server closed the connection at once', false);
      this.#failures = 0;
      this.#closeUnless((each) => each.hasRoom('call'));
      this.#connections = [...this.#connections, connection];
      this.#endLeaving();
      return connection;
    } catch (error) {
      this.#failures += 1;
      const { dialBaseMs, dialCapMs } = this.#timings;
      this.#notBeforeMs = now() + backoffMs(this.#failures, dialBaseMs, dialCapMs, random);
      throw transportError(error, false);
    }
  }

  async #open(): Promise<Connection> {
    const { dialMs, pingTimeoutMs } = this.#timings;
    const { host, port } = this.#config;
    const options = { host, port, ...tlsOptions(this.#readTls()) };
    const deadline = startDeadline(this.#closing.signal, dialMs, this.#clock.now);
    try {
      const socket = await dialTls(options, deadline.signal);
      if (socket.alpnProtocol === 'h2') {
        const authority = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
        return await Http2Connection.open(socket, authority, pingTimeoutMs, deadline.signal);
      }
      socket.destroy();
      return new Http1Connection(options);
    } catch (error) {
      throw deadline.isOver ? new TransportError(`no connection within ${dialMs} ms`, false) : error;
    } finally {
      deadline.done();
    }
  }

  /**
   * The files as they are now. Connections made with others are used no more: a server turns away the requests on one
   * whose client certificate has expired, whatever the file holds by then.
   */
  #readTls(): TlsMaterial {
    const tls = this.#config.readTls();
    if (this.#tls !== undefined && !isSameTls(this.#tls, tls)) {
      for (const connection of this.#connections) connection.retire();
    }
    this.#tls = tls;
    return tls;
  }

  /** A server may send each connection away before the watches on the last one have ended. The oldest come first. */
  #endLeaving(): void {
    const leaving = this.#connections.filter(({ isLeaving }) => isLeaving);
    const ended = leaving.slice(0, Math.max(0, leaving.length - this.#maxConnections));
    for (const connection of ended) connection.close();
    this.#connections = this.#connections.filter((connection) => !ended.includes(connection));
  }

  /** Closes those on which nothing is under way and nothing more can be, or need be. */
  #closeUnless(isUseful: (connection: Connection) => boolean): void {
    const kept = this.#connections.filter((connection) => connection.active > 0 || isUseful(connection));
    for (const connection of this.#connections) if (!kept.includes(connection)) connection.close();
    this.#connections = kept;
  }

  /** Closes what a busier time has left over, and finds dead connections before somebody waits for them. */
  #keepUp(): void {
    try {
      this.#readTls();
    } catch {
      // Being replaced just now, or gone: who dials will hear of it.
    }
    const first = this.#connections.find((connection) => connection.hasRoom('call'));
    this.#closeUnless((connection) => connection === first);
    for (const connection of this.#connections) connection.probe();
  }
}

function tlsOptions({ ca, clientCertificate, clientKey, serverName, isInsecure }: TlsMaterial): ConnectionOptions {
  return {
    rejectUnauthorized: !isInsecure,
    ...(ca === undefined ? {} : { ca }),
    ...(clientCertificate === undefined ? {} : { cert: clientCertificate }),
    ...(clientKey === undefined ? {} : { key: clientKey.expose() }),
    ...(serverName === undefined ? {} : { servername: serverName }),
  };
}

async function dialTls(options: ConnectionOptions, signal: AbortSignal): Promise<TLSSocket> {
  const socket = connect({ ...options, ALPNProtocols: ['h2', 'http/1.1'] });
  try {
    await once(socket, 'secureConnect', { signal });
    return socket;
  } catch (error) {
    // Destroying may bring one more error, which nobody waits for.
    socket.on('error', () => undefined);
    socket.destroy();
    throw transportError(error, false);
  }
}
