import type { ClientRequest } from 'node:http';
import http from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import net, { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import type { SecureContext } from 'node:tls';
import type { TokenBucket } from '../../limits/token-bucket.js';
import type { RawHeaders } from './headers.js';
import type { InformationalLimiter } from './informational-limiter.js';
import type { LookupOwner, Resolver } from './resolver.js';
import type { ToolOrigin } from './tool-origin.js';
import type { ToolSockets } from './tool-sockets.js';
import type { Trust } from './trust.js';
import { limits } from '../../limits/defaults.js';

export interface ToolRequest {
  readonly origin: ToolOrigin;
  readonly method: string;
  /** The path with the query. */
  readonly path: string;
  /** All headers: the client adds only `Connection`. */
  readonly headers: RawHeaders;
  /** Required for an https tool. */
  readonly trust: Trust | undefined;
  /** Owner of the DNS lookup and of the socket. */
  readonly lookedUpFor: LookupOwner;
  /** Whether the request gets a connection of its own. */
  readonly isExclusive?: boolean;
}

export interface ToolClientOptions {
  readonly resolver: Resolver;
  readonly sockets: ToolSockets;
  readonly informational: InformationalLimiter;
  /** Limits of a response's header section: bytes, and header lines. */
  readonly headers: { readonly bytes: number; readonly lines: number };
  /** See GatheredStream. */
  readonly chunkRate: TokenBucket;
  /** Limit of the time for DNS, TCP and TLS of a new connection. */
  readonly connectMs: number;
}

const keptConnectionMs = limits.toolSockets.idleMs;

/** Additional options of a request, which the agent passes on to the socket. */
interface PoolOptions {
  /** Requests of one pool share connections: same namespace, trust store, host and port. */
  readonly pool?: string;
  readonly namespace?: string;
  readonly secureContext?: SecureContext | undefined;
}

/** Makes an agent pool connections by the request's pool, and report them to the ToolSockets. */
function pooled<A extends http.Agent>(agent: A, sockets: ToolSockets): A {
  const createConnection = agent.createConnection.bind(agent);
  const keepSocketAlive: (socket: Duplex) => unknown = agent.keepSocketAlive.bind(agent);
  const reuseSocket = agent.reuseSocket.bind(agent);
  agent.getName = (options?: http.ClientRequestArgs & PoolOptions): string => options?.pool ?? '';
  agent.createConnection = (options: http.ClientRequestArgs & PoolOptions, onSocket): Duplex | null | undefined => {
    const socket = createConnection(options, onSocket);
    if (socket instanceof net.Socket) sockets.add(socket, options.namespace ?? '');
    return socket;
  };
  agent.keepSocketAlive = (socket): boolean =>
    keepSocketAlive(socket) !== false && socket instanceof net.Socket && sockets.becameIdle(socket);
  agent.reuseSocket = (socket, request): void => {
    if (socket instanceof net.Socket) sockets.becameActive(socket);
    reuseSocket(socket, request);
  };
  return agent;
}

/** Connects to tools and sends requests: HTTP/1.1, with verified TLS and checked addresses. */
export class ToolClient {
  readonly #options: ToolClientOptions;
  readonly #plain: http.Agent;
  readonly #secure: https.Agent;
  #exclusive = 0;

  /**
   * TLS server names by origin object: origins are those of Connectors' addresses, the same objects for every request.
   */
  readonly #serverNames = new WeakMap<ToolOrigin, { readonly servername: string | undefined }>();

  constructor(options: ToolClientOptions) {
    this.#options = options;
    const agentOptions = { keepAlive: true, timeout: keptConnectionMs, scheduling: 'lifo' } as const;
    this.#plain = pooled(new http.Agent(agentOptions), options.sockets);
    this.#secure = pooled(new https.Agent(agentOptions), options.sockets);
  }

  /**
   * Opens a request without sending its body. The caller must listen to `error`, which also reports blocked addresses
   * and connect timeouts. It must destroy the request unless request and response are complete.
   * @throws {ProxyError} 403 for a blocked address; 503 if there are too many sockets.
   * @throws {ProxyError} 502 if tools of the owner have flooded too often.
   */
  request({ origin, method, path, headers, trust, lookedUpFor, isExclusive }: ToolRequest): ClientRequest {
    const { servername } = this.#checked(origin);
    const { resolver, sockets, informational, headers: limits } = this.#options;
    informational.ensureAllowed(origin, lookedUpFor);
    const isPlain = origin.scheme === 'http';
    if (!isPlain && trust === undefined) throw new TypeError('an https tool needs a trust set');
    const { namespace } = lookedUpFor;
    const agent = isPlain ? this.#plain : this.#secure;
    const common = `${namespace} ${origin.host} ${origin.port} ${trust?.id ?? ''}`;
    const pool = isExclusive === true ? `${common} ${(this.#exclusive += 1)}` : common;
    if (agent.freeSockets[pool] === undefined) sockets.ensureFree(namespace);
    // Written out, because an object that is spread from parts is slow to read.
    const options: https.RequestOptions & PoolOptions = {
      protocol: isPlain ? 'http:' : 'https:',
      host: origin.host,
      port: origin.port,
      method,
      path,
      headers,
      agent,
      pool,
      namespace,
      secureContext: trust?.context,
      lookup: resolver.lookupFor(lookedUpFor, origin.port),
      setHost: false,
      maxHeaderSize: limits.bytes,
      insecureHTTPParser: false,
      servername,
    };
    // The agent determines the protocol; https.request would only copy the options once more.
    const request = http.request(options);
    // One more than permitted, to detect a response with too many.
    request.maxHeadersCount = limits.lines + 1;
    if (isExclusive === true) request.once('socket', (socket) => sockets.closeAfterRequest(socket));
    this.#limitConnecting(request, origin);
    informational.watch(request, origin, lookedUpFor);
    return request;
  }

  get chunkRate(): TokenBucket {
    return this.#options.chunkRate;
  }

  /** Reports whether a response has too many header lines. Node drops the rest. */
  hasTooManyHeaders({ rawHeaders }: { readonly rawHeaders: RawHeaders }): boolean {
    return rawHeaders.length > 2 * this.#options.headers.lines;
  }

  /** Closes the connection of a request when the request is complete. */
  closeAfterRequest({ socket }: ClientRequest): void {
    if (socket !== null) this.#options.sockets.closeAfterRequest(socket);
  }

  /** Opens a connection for a tunnel. The caller must listen to `error`. @throws {ProxyError} as `request`. */
  connect(host: string, port: number, owner: LookupOwner): Socket {
    const { resolver, sockets, connectMs } = this.#options;
    resolver.ensureNotBlocked(host, port);
    sockets.ensureFree(owner.namespace);
    const socket = net.connect({ host, port, lookup: resolver.lookupFor(owner, port), noDelay: true, keepAlive: true });
    sockets.add(socket, owner.namespace);
    const timer = setTimeout(() => socket.destroy(new ConnectTimeout(host)), connectMs);
    const stop = (): void => clearTimeout(timer);
    socket.once('connect', stop).once('close', stop);
    return socket;
  }

  /** Closes idle connections and aborts those in use. */
  close(): void {
    this.#plain.destroy();
    this.#secure.destroy();
  }

  /**
   * Checks the host of an origin on every call, because blocked addresses change.
   * @throws {ProxyError} 403 as `request`.
   */
  #checked(origin: ToolOrigin): { readonly servername: string | undefined } {
    const { host, port, scheme } = origin;
    this.#options.resolver.ensureNotBlocked(host, port);
    const cached = this.#serverNames.get(origin);
    if (cached !== undefined) return cached;
    // IP addresses are not server names (RFC 6066, 3).
    const checked = { servername: scheme === 'https' && isIP(host) === 0 ? host : undefined };
    this.#serverNames.set(origin, checked);
    return checked;
  }

  #limitConnecting(request: ClientRequest, { host, scheme }: ToolOrigin): void {
    // The socket is assigned at once, because the agents have no queue.
    request.once('socket', (socket) => {
      if (request.reusedSocket) return;
      const timer = setTimeout(() => request.destroy(new ConnectTimeout(host)), this.#options.connectMs);
      const stop = (): void => clearTimeout(timer);
      request.once('close', stop);
      socket.once(scheme === 'https' ? 'secureConnect' : 'connect', stop);
    });
  }
}

export class ConnectTimeout extends Error {
  override readonly name = 'ConnectTimeout';
  readonly code = 'ETIMEDOUT';

  constructor(host: string) {
    super(`no connection to ${host} in time`);
  }
}
