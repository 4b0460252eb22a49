import type { ToolConnection } from './tool-connection.js';
import type { ToolSockets } from './tool-sockets.js';

/** Keeps idle connections to tools. Requests of one pool share them: same namespace, host, port and trust store. */
export class ConnectionPool {
  readonly #sockets: ToolSockets;
  /** By pool, the latest one last. */
  readonly #idle = new Map<string, ToolConnection[]>();

  constructor(sockets: ToolSockets) {
    this.#sockets = sockets;
  }

  /**
   * Returns an idle connection of a pool, or a new one that gets idle there.
   * @throws the error of `open`.
   */
  take(key: string, open: () => ToolConnection): ToolConnection {
    const kept = this.#idle.get(key)?.findLast(({ socket }) => !socket.destroyed);
    if (kept !== undefined) {
      this.#remove(key, kept);
      this.#sockets.becameActive(kept.socket);
      return kept;
    }
    const connection = open();
    connection.onIdle = () => this.#keep(key, connection);
    connection.socket.once('close', () => this.#remove(key, connection));
    return connection;
  }

  #keep(key: string, connection: ToolConnection): void {
    if (connection.socket.destroyed) return;
    const idle = this.#idle.get(key) ?? [];
    idle.push(connection);
    this.#idle.set(key, idle);
    this.#sockets.becameIdle(connection.socket);
  }

  #remove(key: string, connection: ToolConnection): void {
    const idle = this.#idle.get(key) ?? [];
    const at = idle.indexOf(connection);
    if (at !== -1) idle.splice(at, 1);
    // Clients choose any number of hosts.
    if (idle.length === 0) this.#idle.delete(key);
  }
}
