import { proxyLimits } from '../limits.js';
import type { ToolConnection } from './tool-connection.js';
import type { ToolSockets } from './tool-sockets.js';

/** A request that needs a connection. */
export interface PoolClient {
  /** Sends the request. */
  start(connection: ToolConnection): void;
  /** Takes a function to call if the request ends while it waits. */
  wait(leave: () => void): void;
  /** Ends the request: it has got no connection. */
  destroy(error: Error): void;
}

interface Waiting {
  readonly client: PoolClient;
  readonly open: () => ToolConnection;
  readonly timer: NodeJS.Timeout;
}

/** The connections of one pool. */
interface Pool {
  /** Idle ones, the latest one last. */
  readonly idle: ToolConnection[];
  /** Requests without a connection, the first one first. */
  readonly waiting: Set<Waiting>;
  /** Connections that are being opened. */
  opening: number;
  /** All connections. */
  count: number;
}

const { opening: maxOpening, openingWaitMs } = proxyLimits.toolSockets;

/**
 * Keeps connections to tools. Requests of one pool share them: same namespace, host, port and trust store. In a burst
 * of requests, most of them get a connection that a request before them has used: opening one takes the thread ten
 * times as long as a request.
 */
export class ConnectionPool {
  readonly #sockets: ToolSockets;
  readonly #pools = new Map<string, Pool>();

  constructor(sockets: ToolSockets) {
    this.#sockets = sockets;
  }

  /**
   * Starts a request on an idle connection, or on a new one. If many are being opened, the request waits a moment for
   * one of them, or until a request before it is complete.
   * @param open opens a connection of the pool.
   * @throws the error of `open`, unless the request waits.
   */
  assign(key: string, client: PoolClient, open: () => ToolConnection): void {
    const pool = this.#pools.get(key) ?? this.#add(key);
    const kept = this.#take(pool);
    if (kept !== undefined) client.start(kept);
    else if (pool.opening >= maxOpening) this.#wait(key, pool, client, open);
    else this.#open(key, pool, client, open);
  }

  #add(key: string): Pool {
    const pool: Pool = { idle: [], waiting: new Set(), opening: 0, count: 0 };
    this.#pools.set(key, pool);
    return pool;
  }

  /** Keeps a connection whose request is complete. */
  #keep(key: string, pool: Pool, connection: ToolConnection): void {
    if (connection.socket.destroyed) return;
    pool.idle.push(connection);
    this.#sockets.becameIdle(connection.socket);
    // undici decides only after this call whether it closes the connection.
    if (pool.waiting.size > 0) setImmediate(() => this.#serveWaiting(key, pool));
  }

  /** Ends the wait of all requests. */
  close(): void {
    for (const pool of this.#pools.values()) {
      for (const waiting of pool.waiting) this.#leave(pool, waiting);
    }
  }

  #wait(key: string, pool: Pool, client: PoolClient, open: () => ToolConnection): void {
    // Long requests of other clients, or a slow tool, must not delay this one.
    const timer = setTimeout(() => this.#serve(key, pool, waiting, undefined), openingWaitMs);
    const waiting = { client, open, timer };
    pool.waiting.add(waiting);
    client.wait(() => this.#leave(pool, waiting));
  }

  #leave(pool: Pool, waiting: Waiting): void {
    clearTimeout(waiting.timer);
    pool.waiting.delete(waiting);
  }

  #open(key: string, pool: Pool, client: PoolClient, open: () => ToolConnection): void {
    let isOpening = true;
    const opened = (): void => {
      if (!isOpening) return;
      isOpening = false;
      pool.opening -= 1;
      this.#serveWaiting(key, pool);
    };
    try {
      const connection = open();
      pool.opening += 1;
      pool.count += 1;
      connection.onIdle = () => this.#keep(key, pool, connection);
      connection.onOpen(opened);
      connection.socket.once('close', () => {
        pool.count -= 1;
        const at = pool.idle.indexOf(connection);
        if (at !== -1) pool.idle.splice(at, 1);
        opened();
        this.#dropUnused(key, pool);
      });
      client.start(connection);
    } finally {
      this.#dropUnused(key, pool);
    }
  }

  #serveWaiting(key: string, pool: Pool): void {
    for (const waiting of pool.waiting) {
      const kept = this.#take(pool);
      if (kept === undefined && pool.opening >= maxOpening) return;
      this.#serve(key, pool, waiting, kept);
    }
  }

  #serve(key: string, pool: Pool, waiting: Waiting, kept: ToolConnection | undefined): void {
    this.#leave(pool, waiting);
    const { client, open } = waiting;
    try {
      if (kept === undefined) this.#open(key, pool, client, open);
      else client.start(kept);
    } catch (error) {
      client.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #take(pool: Pool): ToolConnection | undefined {
    for (;;) {
      const connection = pool.idle.pop();
      if (connection === undefined) return undefined;
      this.#sockets.becameActive(connection.socket);
      if (!connection.socket.destroyed) return connection;
    }
  }

  /** Forgets a pool without connections: a client can choose any number of hosts. */
  #dropUnused(key: string, pool: Pool): void {
    if (pool.count === 0 && pool.waiting.size === 0) this.#pools.delete(key);
  }
}
