import type { ToolConnection } from './tool-connection.js';
import type { ToolSockets } from './tool-sockets.js';

/** Idle connections to tools. Requests of one pool share them: same namespace, host, port and trust store. */
export class ConnectionPool {
  readonly #sockets: ToolSockets;
  /** Idle connections by pool, the latest one last. */
  readonly #idle = new Map<string, ToolConnection[]>();

  constructor(sockets: ToolSockets) {
    this.#sockets = sockets;
  }

  /** Returns the latest idle connection. It is no longer idle. */
  take(pool: string): ToolConnection | undefined {
    const connection = this.#idle.get(pool)?.findLast(({ socket }) => !socket.destroyed);
    if (connection !== undefined) {
      this.remove(connection);
      this.#sockets.becameActive(connection.socket);
    }
    return connection;
  }

  /** Adds a connection after its request is complete. */
  add(connection: ToolConnection): void {
    const { socket, pool } = connection;
    const idle = this.#idle.get(pool) ?? [];
    this.#idle.set(pool, idle);
    idle.push(connection);
    this.#sockets.becameIdle(socket);
  }

  /** Forgets a connection that is closed. */
  remove(connection: ToolConnection): void {
    const idle = this.#idle.get(connection.pool) ?? [];
    const at = idle.lastIndexOf(connection);
    if (at !== -1) idle.splice(at, 1);
    if (idle.length === 0) this.#idle.delete(connection.pool);
  }
}
