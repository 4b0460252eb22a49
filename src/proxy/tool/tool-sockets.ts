import type { Socket } from 'node:net';
import { SharedQuota } from '../../shared/limits/shared-quota.ts';
import { ProxyError } from '../proxy-error.ts';
import type { ToolConnection } from './tool-connection.ts';
import { connectionClosed } from './tool-connection.ts';

interface ToolSocketLimits {
  /** Sockets to tools, including idle ones. */
  readonly total: number;
  /** Idle sockets that are kept for later requests. */
  readonly idle: number;
  /** Dynamic share: the part of the total minus the others' sockets that one namespace can have. */
  readonly namespaceShare: number;
}

/**
 * Limits the sockets to tools, in total and per namespace. If a new socket exceeds the limit, idle ones are closed:
 * first the namespace's own, then the longest idle. A Connector with many addresses could otherwise exhaust the memory
 * of the proxy.
 */
export class ToolSockets {
  readonly #maxIdle: number;
  readonly #quota: SharedQuota;
  readonly #namespaces = new Map<Socket, string>();
  /** Idle connections that later requests of their pool use. The longest idle one comes first. */
  readonly #idle: ToolConnection[] = [];
  #rejected = 0;

  constructor({ total, idle, namespaceShare }: ToolSocketLimits) {
    this.#maxIdle = idle;
    this.#quota = new SharedQuota(total, namespaceShare);
  }

  get capacity(): number {
    return this.#quota.capacity;
  }

  get used(): number {
    return this.#quota.used;
  }

  /** New sockets that have been rejected so far. */
  get rejected(): number {
    return this.#rejected;
  }

  /**
   * Makes sure that one more socket can be opened for a namespace. `add` must follow synchronously.
   * @throws {ProxyError} 503 if sockets in use reach the limit of the namespace or the total.
   */
  ensureFree(namespace: string): void {
    if (this.#quota.canAcquire(namespace)) return;
    const idle = this.#idle.map(({ socket }) => socket);
    const own = idle.filter((socket) => this.#namespaces.get(socket) === namespace);
    for (const socket of new Set([...own, ...idle])) {
      this.#remove(socket);
      socket.destroy();
      if (this.#quota.canAcquire(namespace)) return;
    }
    this.#rejected += 1;
    const message = `too many connections to tools are open for namespace "${namespace}": try again in some seconds`;
    throw new ProxyError(503, 'overload', message, { headers: { 'Retry-After': '5' } });
  }

  /** Counts a socket until it closes. */
  add(socket: Socket, namespace: string): void {
    this.#namespaces.set(socket, namespace);
    this.#quota.acquire(namespace);
    socket.once('close', () => this.#remove(socket));
  }

  /** Keeps a connection whose request is complete. Closes the longest idle one if there are too many. */
  keep(connection: ToolConnection): void {
    const { socket } = connection;
    if (socket.destroyed || !this.#namespaces.has(socket)) return;
    this.#idle.push(connection);
    const [oldest] = this.#idle;
    if (oldest === undefined || this.#idle.length <= this.#maxIdle) return;
    this.#remove(oldest.socket);
    oldest.socket.destroy();
  }

  /** Returns a connection of a pool for another request: the latest idle one. */
  takeIdle(pool: string): ToolConnection | undefined {
    const at = this.#idle.findLastIndex((each) => each.pool === pool && !each.socket.destroyed);
    return at === -1 ? undefined : this.#idle.splice(at, 1)[0];
  }

  /** Closes all sockets. */
  destroyAll(): void {
    for (const socket of this.#namespaces.keys()) socket.destroy(connectionClosed());
  }

  #remove(socket: Socket): void {
    const namespace = this.#namespaces.get(socket);
    if (namespace === undefined) return;
    this.#namespaces.delete(socket);
    const at = this.#idle.findIndex((each) => each.socket === socket);
    if (at !== -1) this.#idle.splice(at, 1);
    this.#quota.release(namespace);
  }
}
