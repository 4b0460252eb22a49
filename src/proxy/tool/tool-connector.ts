import type { LookupFunction, Socket } from 'node:net';
import net from 'node:net';
import tls from 'node:tls';
import { BoundedMap } from '../../shared/limits/bounded-map.ts';
import { proxyLimits } from '../limits.ts';
import type { EgressProxy } from './egress-proxy.ts';
import { ConnectionError } from './tool-connection.ts';
import type { Opening } from './tool-connection.ts';
import type { ToolOwner, Resolver } from './resolver.ts';
import type { ThreadShares } from '../thread-shares.ts';
import { prepare, tlsOptions, ToolHandshakes, untilOpen, type ConnectTls } from './tool-handshakes.ts';
import type { ToolSockets } from './tool-sockets.ts';
import type { Trust } from './trust.ts';

export interface ToolConnectorOptions {
  readonly resolver: Resolver;
  readonly sockets: ToolSockets;
  readonly threads: ThreadShares;
  /** Proxy for connections to tools that are not direct; undefined if all are. */
  readonly egress?: EgressProxy | undefined;
  /** Limit of the time for DNS, TCP and TLS of a new connection, and for its tunnel. */
  readonly connectMs: number;
}

const keepAliveProbeMs = 1_000;

/** Opens connections to tools: to checked addresses only, or through the egress proxy. It counts them. */
export class ToolConnector {
  readonly #options: ToolConnectorOptions;
  /** The last TLS sessions, by namespace, address and trust store. */
  readonly #sessions = new BoundedMap<Buffer>(proxyLimits.toolSockets.sessions);
  readonly #handshakes: ToolHandshakes;

  constructor(options: ToolConnectorOptions) {
    this.#options = options;
    this.#handshakes = new ToolHandshakes(options.threads);
  }

  /**
   * Opens a connection, with verified TLS if there is a trust store. Its errors include a connect timeout, and those of
   * the lookup.
   * @throws {ProxyError} 503 if there are too many sockets; 403 for a blocked address; 502 without the files of the
   * egress proxy.
   */
  open(host: string, port: number, owner: ToolOwner, trust?: Trust): Opening {
    const { resolver, sockets, egress, connectMs } = this.#options;
    const isDirect = egress === undefined || egress.isDirect(host, port);
    if (!isDirect) resolver.ensureNotBlocked(egress.resolvedHost(host), port);
    const egressTrust = isDirect ? undefined : egress.trust();
    sockets.ensureFree(owner.namespace);
    const resume: ConnectTls = (tlsOptions) =>
      this.#resume(tlsOptions, owner.namespace, `${owner.namespace} ${host} ${port} ${trust?.id}`);
    const socket = isDirect
      ? openSocket(host, port, resolver.lookupFor(owner, port), undefined)
      : openSocket(egress.origin.host, egress.origin.port, resolver.uncheckedLookup, egressTrust);
    sockets.add(socket, owner.namespace);
    const reached = isDirect ? untilOpen(socket) : tunnelOn(socket, egress, host, port);
    const opened =
      trust === undefined ? reached : reached.then(() => this.#handshakes.run(socket, host, owner, trust, resume));
    const timer = setTimeout(() => socket.destroy(connectTimeout()), connectMs);
    opened.catch(() => socket.destroy()).finally(() => clearTimeout(timer));
    return { socket, opened };
  }

  /** Starts TLS with the last session, so that it needs no full handshake. */
  #resume(options: tls.ConnectionOptions, namespace: string, key: string): tls.TLSSocket {
    const session = this.#sessions.get(key);
    const socket = tls.connect(session === undefined ? options : { ...options, session });
    // Some servers fail with a session that they no longer accept.
    const forget = (): void => this.#sessions.delete(key);
    socket.once('error', forget).once('secureConnect', () => socket.off('error', forget));
    return socket.on('session', (newest) => this.#sessions.set(key, newest, namespace));
  }
}

/** Opens a socket. Nothing else in the proxy does for tools. @param trust for TLS. */
export function openSocket(host: string, port: number, lookup: LookupFunction, trust: Trust | undefined): Socket {
  const address = { host, port, lookup };
  const socket = trust === undefined ? net.connect(address) : tls.connect({ ...address, ...tlsOptions(host, trust) });
  return prepare(socket.setNoDelay(true).setKeepAlive(true, keepAliveProbeMs));
}

async function tunnelOn(socket: Socket, egress: EgressProxy, host: string, port: number): Promise<Socket> {
  egress.ensureTunnel(await egress.connect(socket, host, port), host, port);
  return socket;
}

export function connectTimeout(): ConnectionError {
  return new ConnectionError('ETIMEDOUT', 'no connection in time');
}
