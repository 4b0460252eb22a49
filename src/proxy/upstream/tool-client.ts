import type { ClientRequest } from 'node:http';
import http from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import net, { isIP } from 'node:net';
import { Refusal } from '../refusal.js';
import type { RawHeaders } from './headers.js';
import type { LookupOwner, Resolver } from './resolver.js';
import { streamBuffer } from './stream-buffer.js';
import { nameOf } from './tool-origin.js';
import type { ToolOrigin } from './tool-origin.js';
import type { Trust } from './trust.js';

export interface ToolRequest {
  readonly origin: ToolOrigin;
  readonly method: string;
  /** With the query. */
  readonly path: string;
  /** All of them: nothing is added but `Connection`. */
  readonly headers: RawHeaders;
  /** Required for an https tool. */
  readonly trust: Trust | undefined;
  /** Whose turn it is to look up the host. */
  readonly lookedUpFor: LookupOwner;
}

export interface ToolClientOptions {
  readonly resolver: Resolver;
  /** For the name, TCP and TLS of a new connection. */
  readonly connectMs: number;
}

/** Shorter than the keep-alive of the usual servers: a request on a connection that is being closed would fail. */
const keptConnectionMs = 15_000;
/** Clients ask in bursts: with fewer than a burst needs, each one opens connections anew, which cost ten times a request. */
const maxKeptPerHost = 512;
/** Connectors with CAs of their own; those used last stay. */
const maxAgents = 48;
/** Registries send long challenges. */
const maxHeaderSize = 64 * 1024;
/** Before the answer (1xx): each takes time that others would have. */
const maxInformational = 1000;

const agentOptions: http.AgentOptions = {
  ...streamBuffer,
  keepAlive: true,
  maxFreeSockets: maxKeptPerHost,
  timeout: keptConnectionMs,
  scheduling: 'lifo',
};

/** An agent has connections to tools that trust alike, and looks up this name three times a request. */
function connectionName(host: string | null | undefined, port: number | string | null | undefined): string {
  return `${host ?? ''} ${port ?? ''}`;
}

class PlainAgent extends http.Agent {
  override getName({ host, port }: http.ClientRequestArgs = {}): string {
    return connectionName(host, port);
  }
}

class SecureAgent extends https.Agent {
  override getName({ host, port }: https.RequestOptions = {}): string {
    return connectionName(host, port);
  }
}

/** Opens connections and sends requests to tools: HTTP/1.1, TLS always verified, addresses always checked. */
export class ToolClient {
  readonly #options: ToolClientOptions;
  readonly #plain: http.Agent;
  /** By trust, the one used last at the end: a connection counts only for those who trust alike. */
  readonly #secure = new Map<string, https.Agent>();

  /** Of origins that have been asked for: they are those of Connectors' addresses, the same from request to request. */
  readonly #serverNames = new WeakMap<ToolOrigin, { readonly servername: string | undefined }>();

  constructor(options: ToolClientOptions) {
    this.#options = options;
    this.#plain = new PlainAgent(agentOptions);
  }

  /**
   * Begins a request; nothing of a body is sent yet. Whoever calls must listen to `error`, also for addresses that are
   * refused and connections that take too long.
   * @throws {Refusal} 403 for a host that is a refused address.
   */
  request({ origin, method, path, headers, trust, lookedUpFor }: ToolRequest): ClientRequest {
    const { servername } = this.#checked(origin);
    const isPlain = origin.scheme === 'http';
    const { resolver } = this.#options;
    // Written out, since what is put together from parts is slow for whoever reads it.
    const options: https.RequestOptions = {
      protocol: isPlain ? 'http:' : 'https:',
      host: origin.host,
      port: origin.port,
      method,
      path,
      headers,
      agent: isPlain ? this.#plain : this.#agentFor(trust),
      lookup: resolver.lookupFor(lookedUpFor, origin.port),
      setHost: false,
      maxHeaderSize,
      insecureHTTPParser: false,
      servername,
    };
    // The agent says what is spoken: https.request would only copy all of it once more.
    const request = http.request(options);
    this.#limitConnecting(request, origin);
    limitInforming(request, origin);
    return request;
  }

  /** A connection for a tunnel of its owner's. Listen to `error`. @throws {Refusal} 403 as above. */
  connect(host: string, port: number, owner: LookupOwner): Socket {
    const { resolver, connectMs } = this.#options;
    resolver.ensureNotRefused(host, port);
    const socket = net.connect({
      host,
      port,
      lookup: resolver.lookupFor(owner, port),
      noDelay: true,
      keepAlive: true,
      ...streamBuffer,
    });
    const timer = setTimeout(() => socket.destroy(new ConnectTimeout(host)), connectMs);
    const stop = (): void => clearTimeout(timer);
    socket.once('connect', stop).once('close', stop);
    return socket;
  }

  /** Closes what is kept open and breaks what is under way. */
  close(): void {
    this.#plain.destroy();
    for (const agent of this.#secure.values()) agent.destroy();
  }

  /** Checks the host of an origin each time, as the refused addresses change. @throws {Refusal} 403 as above. */
  #checked(origin: ToolOrigin): { readonly servername: string | undefined } {
    const { host, port, scheme } = origin;
    this.#options.resolver.ensureNotRefused(host, port);
    const known = this.#serverNames.get(origin);
    if (known !== undefined) return known;
    // Addresses are no server names (RFC 6066, 3).
    const checked = { servername: scheme === 'https' && isIP(host) === 0 ? host : undefined };
    this.#serverNames.set(origin, checked);
    return checked;
  }

  #agentFor(trust: Trust | undefined): https.Agent {
    if (trust === undefined) throw new TypeError('an https tool needs a trust set');
    const { id, context } = trust;
    // The context is no part of the names by which an agent keeps connections apart: hence an agent for each.
    const agent = this.#secure.get(id) ?? new SecureAgent({ ...agentOptions, secureContext: context });
    this.#secure.delete(id);
    this.#secure.set(id, agent);
    const [oldest] = this.#secure.keys();
    if (this.#secure.size > maxAgents && oldest !== undefined) {
      // What is under way on it ends in peace.
      this.#secure.get(oldest)?.on('free', (socket: Socket) => socket.destroy());
      this.#secure.delete(oldest);
    }
    return agent;
  }

  #limitConnecting(request: ClientRequest, { host, scheme }: ToolOrigin): void {
    // There is a socket at once, kept or new, as their number is not bounded.
    request.once('socket', (socket) => {
      if (request.reusedSocket) return;
      const timer = setTimeout(() => request.destroy(new ConnectTimeout(host)), this.#options.connectMs);
      const stop = (): void => clearTimeout(timer);
      request.once('close', stop);
      socket.once(scheme === 'https' ? 'secureConnect' : 'connect', stop);
    });
  }
}

function limitInforming(request: ClientRequest, origin: ToolOrigin): void {
  let informational = 0;
  request.on('information', () => {
    informational += 1;
    if (informational <= maxInformational) return;
    request.destroy(new Refusal(502, 'protocol', `${nameOf(origin)} says "wait" without end`));
  });
}

export class ConnectTimeout extends Error {
  override readonly name = 'ConnectTimeout';
  readonly code = 'ETIMEDOUT';

  constructor(host: string) {
    super(`no connection to ${host} in time`);
  }
}
