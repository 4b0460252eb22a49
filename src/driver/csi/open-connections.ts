import type { Socket } from 'node:net';

/** What the last answers may take to reach the kernel. Only clients that stopped reading, or writing, need so long. */
const flushMs = 1000;

/**
 * The connections of a server that are open, the oldest first, and no more than a bound. grpc-js closes its sessions but
 * leaves their sockets half open until the client closes too, which a mute or frozen client never does.
 */
export class OpenConnections {
  readonly #limit: number;
  readonly #onEnded: () => void;
  /** Calls that run, by connection. */
  readonly #runningCalls = new Map<Socket, number>();
  readonly #byPeer = new Map<string, Socket>();
  #added = 0;

  /** @param onEnded told of each connection that had to make room. */
  constructor(limit: number, onEnded: () => void) {
    this.#limit = limit;
    this.#onEnded = onEnded;
  }

  get count(): number {
    return this.#runningCalls.size;
  }

  /**
   * One too many makes another go, the oldest of the first kind that there is: those on which the client has never said
   * anything, those without a call that runs, the others. So a flood ends no call that waits, for an approval say, while
   * there are connections that nobody waits for. Refusing the newest would let clients that leak connections keep the
   * kubelet out.
   */
  add(connection: Socket): void {
    this.#runningCalls.set(connection, 0);
    this.#name(connection, `connection-${(this.#added += 1)}`);
    connection.once('close', () => {
      this.#runningCalls.delete(connection);
      this.#byPeer.delete(connection.remoteAddress ?? '');
    });
    // A session that is closed ends its side when all its answers are written. Nothing can come after that.
    connection.once('finish', () => connection.destroy());
    if (this.count <= this.#limit) return;
    this.#destroy(this.#mostDispensable(connection));
    this.#onEnded();
  }

  /**
   * Notes that a call runs.
   * @param peer of the call, as grpc-js has it.
   * @returns to be called when it has its answer.
   */
  callBegins(peer: string): () => void {
    const connection = this.#byPeer.get(peer);
    if (connection === undefined) return () => undefined;
    this.#count(connection, 1);
    return () => this.#count(connection, -1);
  }

  /** Waits until all are gone, whose sessions are closing. Those that take longer than a moment are cut off. */
  async untilClosed(): Promise<void> {
    const open = [...this.#runningCalls.keys()];
    const closed = open.map((connection) => new Promise<void>((resolve) => connection.once('close', () => resolve())));
    const timer = setTimeout(() => open.forEach((connection) => this.#destroy(connection)), flushMs);
    await Promise.all(closed);
    clearTimeout(timer);
  }

  /** Clients of a unix socket have no address, which is all that grpc-js tells of the connection of a call. */
  #name(connection: Socket, peer: string): void {
    this.#byPeer.set(peer, connection);
    Object.defineProperty(connection, 'remoteAddress', { value: peer, configurable: true });
  }

  #count(connection: Socket, change: number): void {
    const running = this.#runningCalls.get(connection);
    if (running !== undefined) this.#runningCalls.set(connection, running + change);
  }

  #mostDispensable(newest: Socket): Socket | undefined {
    let idle: Socket | undefined;
    let oldest: Socket | undefined;
    for (const [connection, running] of this.#runningCalls) {
      if (connection === newest) continue;
      if (connection.bytesRead === 0) return connection;
      if (running === 0) idle ??= connection;
      oldest ??= connection;
    }
    return idle ?? oldest;
  }

  #destroy(connection: Socket | undefined): void {
    if (connection === undefined) return;
    this.#runningCalls.delete(connection);
    connection.destroy();
  }
}
