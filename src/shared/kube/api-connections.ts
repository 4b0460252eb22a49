import { connect } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { isIP } from 'node:net';
import { once } from 'node:events';
import { throwIfAborted } from '../errors.ts';
import { abortable, Deadline, sleep } from '../abortable.ts';
import { backoffMs } from '../limits/backoff.ts';
import type { ClusterConfig, TlsMaterial } from './cluster-config.ts';
import { ApiConnection, TransportError, transportError } from './api-connection.ts';
import type { HttpResponse, HttpRequest } from './api-connection.ts';
import type { KubeTimings } from './timings.ts';

/** Source of randomness and a monotonic clock in milliseconds. */
export interface ClockAndRandom {
  readonly now: () => number;
  readonly random: () => number;
}

/**
 * Connections to the API server: usually one, and another one only if the server allows no more streams on it. At most
 * one is opened at a time, with a jittered delay after a failure. So an unreachable server gets one attempt at a time
 * from each node, however many calls wait.
 */
export class ApiConnections {
  readonly #config: ClusterConfig;
  readonly #timings: KubeTimings;
  readonly #clock: ClockAndRandom;
  readonly #closing = new AbortController();
  readonly #maintenanceTimer: NodeJS.Timeout;
  #connections: readonly ApiConnection[] = [];
  #dialing: Promise<ApiConnection> | undefined;
  #failures = 0;
  #notBeforeMs = 0;
  readonly #maxConnections: number;

  /** @param maxConnections limit of usable connections. Retired ones only finish their exchanges. */
  constructor(config: ClusterConfig, timings: KubeTimings, clock: ClockAndRandom, maxConnections: number) {
    this.#maxConnections = maxConnections;
    this.#config = config;
    this.#timings = timings;
    this.#clock = clock;
    this.#maintenanceTimer = setInterval(() => this.#maintain(), timings.pingIntervalMs).unref();
  }

  /** Sends a request on a connection with capacity. @throws {TransportError}; {CodedError} the signal's reason. */
  async request(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    throwIfAborted(signal);
    let connection = this.#connections.find(({ hasCapacity }) => hasCapacity);
    // Capacity is checked and used without an await between, so that no connection exceeds it.
    while (connection?.hasCapacity !== true) {
      this.#ensureCanDial();
      this.#dialing ??= this.#dial().finally(() => (this.#dialing = undefined));
      connection = await abortable(this.#dialing, signal);
    }
    return connection.request(request, signal);
  }

  /** Whether every further request fails. */
  get isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  close(): void {
    clearInterval(this.#maintenanceTimer);
    this.#closing.abort();
    for (const connection of this.#connections) connection.close();
  }

  /** @throws {TransportError} */
  #ensureCanDial(): void {
    const usable = this.#connections.filter(({ isRetired }) => !isRetired);
    if (this.#dialing === undefined && usable.length >= this.#maxConnections) {
      throw new TransportError(`all ${this.#maxConnections} connections to the API server are full`, false);
    }
  }

  async #dial(): Promise<ApiConnection> {
    const { now, random } = this.#clock;
    try {
      await sleep(Math.max(0, this.#notBeforeMs - now()), this.#closing.signal);
      const connection = await this.#open();
      if (!connection.hasCapacity) throw new TransportError('the server closed the connection at once', false);
      this.#failures = 0;
      this.#closeUnless(({ hasCapacity }) => hasCapacity);
      this.#connections = [...this.#connections, connection];
      return connection;
    } catch (error) {
      this.#failures += 1;
      const { dialBaseMs, dialCapMs } = this.#timings;
      this.#notBeforeMs = now() + backoffMs(this.#failures, dialBaseMs, dialCapMs, random);
      throw transportError(error, false);
    }
  }

  async #open(): Promise<ApiConnection> {
    const { dialMs, pingTimeoutMs } = this.#timings;
    const { host, port } = this.#config;
    const options = { host, port, ...tlsOptions(this.#config.readTls()) };
    const deadline = Deadline.start(this.#closing.signal, dialMs, this.#clock.now);
    try {
      const socket = await dialTls(options, deadline.signal);
      const authority = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
      return await ApiConnection.open(socket, authority, pingTimeoutMs, deadline.signal);
    } catch (error) {
      throw deadline.isOver ? new TransportError(`no connection within ${dialMs} ms`, false) : error;
    } finally {
      deadline.done();
    }
  }

  /** Closes connections without an exchange in flight, unless they are useful. */
  #closeUnless(isUseful: (connection: ApiConnection) => boolean): void {
    const kept = this.#connections.filter((connection) => connection.active > 0 || isUseful(connection));
    for (const connection of this.#connections) if (!kept.includes(connection)) connection.close();
    this.#connections = kept;
  }

  /** Closes idle connections that are no longer needed, and detects dead ones before a call waits for them. */
  #maintain(): void {
    const first = this.#connections.find(({ hasCapacity }) => hasCapacity);
    this.#closeUnless((connection) => connection === first);
    for (const connection of this.#connections) connection.ping();
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
  const socket = connect({ ...options, ALPNProtocols: ['h2'] });
  try {
    await once(socket, 'secureConnect', { signal });
    if (socket.alpnProtocol !== 'h2') throw new Error('the server does not offer HTTP/2');
    return socket;
  } catch (error) {
    // Destroying can emit one more error, which has no other listener.
    socket.on('error', () => undefined);
    socket.destroy();
    throw transportError(error, false);
  }
}
