import type { Socket } from 'node:net';
import net, { isIP } from 'node:net';
import type { TLSSocket } from 'node:tls';
import tls from 'node:tls';
import type { LookupOwner, Resolver } from './resolver.ts';
import type { ToolSockets } from './tool-sockets.ts';
import type { Trust } from './trust.ts';

export interface ToolConnectorOptions {
  readonly resolver: Resolver;
  readonly sockets: ToolSockets;
  /** Limit of the time for DNS, TCP and TLS of a new connection. */
  readonly connectMs: number;
}

const keepAliveProbeMs = 1_000;

/** Opens connections to tools, to checked addresses only. It counts them. */
export class ToolConnector {
  readonly #options: ToolConnectorOptions;

  constructor(options: ToolConnectorOptions) {
    this.#options = options;
  }

  /**
   * Opens a TCP connection. Its errors include a connect timeout, and those of the lookup.
   * @throws {ProxyError} 503 if there are too many sockets.
   */
  open(host: string, port: number, owner: LookupOwner): Socket {
    const { resolver, sockets } = this.#options;
    sockets.ensureFree(owner.namespace);
    const socket = net.connect({ host, port, lookup: resolver.lookupFor(owner, port) });
    return this.#prepare(socket, owner, 'connect');
  }

  /** Opens a TCP connection with verified TLS, as `open`. */
  openTls(host: string, port: number, owner: LookupOwner, trust: Trust): TLSSocket {
    const { resolver, sockets } = this.#options;
    sockets.ensureFree(owner.namespace);
    const socket = tls.connect({
      host,
      port,
      lookup: resolver.lookupFor(owner, port),
      secureContext: trust.context,
      rejectUnauthorized: true,
      ALPNProtocols: ['http/1.1'],
      // IP addresses are not server names (RFC 6066, 3).
      ...(isIP(host) === 0 ? { servername: host } : {}),
    });
    return this.#prepare(socket, owner, 'secureConnect');
  }

  #prepare<S extends Socket>(socket: S, owner: LookupOwner, connected: 'connect' | 'secureConnect'): S {
    const { sockets, connectMs } = this.#options;
    sockets.add(socket, owner.namespace);
    socket.setNoDelay(true).setKeepAlive(true, keepAliveProbeMs);
    // undici takes ECONNRESET as the regular end of a response without a length, and fails an assertion if reading is
    // paused then. It has no option for that, and its listeners cannot be replaced. This listener runs before them.
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNRESET') error.code = 'ECONNABORTED';
    });
    const timer = setTimeout(() => socket.destroy(new ConnectTimeout()), connectMs);
    const stop = (): void => clearTimeout(timer);
    socket.once(connected, stop).once('close', stop);
    return socket;
  }
}

class ConnectTimeout extends Error {
  override readonly name = 'ConnectTimeout';
  readonly code = 'ETIMEDOUT';

  constructor() {
    super('no connection in time');
  }
}
