import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { ClientLoad } from '../upstream/client-load.js';

/** As it came, and as it goes on to the tool. */
const headCopies = 2;
/** Of a name or value besides its characters. */
const stringBytes = 32;

/** What the head of a request takes in memory. */
export function headBytesOf({ url = '', rawHeaders }: IncomingMessage): number {
  let bytes = url.length;
  for (const { length } of rawHeaders) bytes += length + stringBytes;
  return bytes;
}

/** What things take, by measurement, bytes; see `limits.clients`. */
export interface ClientCosts {
  readonly connection: number;
  /** A tunnel whose TLS ends in the proxy. */
  readonly tls: number;
  /** A request that is served has a connection to a tool, as has a blind tunnel or an upgraded connection. */
  readonly exchange: number;
  /** Buffers of a transfer that one side holds up. */
  readonly blocked: number;
  /** What may have come of a request and not been looked at yet, at most. */
  readonly unread: number;
}

export interface ClientMemoryOptions {
  /** What all clients may hold, by an estimate. */
  readonly capacityBytes: number;
  readonly costs: ClientCosts;
  /** The memory of the process. */
  readonly residentBytes: () => number;
  /** Between two looks at it. */
  readonly lookMs: number;
  /** How much more of it is worth a look at all connections. */
  readonly growthBytes: number;
  /** Fewer connections than that cannot hold what would be looked for. */
  readonly fewConnections: number;
}

/** A connection of a client with all that it has the proxy hold. */
interface Holding {
  readonly socket: Socket;
  readonly holder: Holder;
  /** What HTTP is spoken on: the connection, or what is in its tunnel. */
  spoken: Socket;
  bytes: number;
  /** What `spoken` had read when its last request began. */
  readBefore: number;
  /** Of `bytes`, what has come since. */
  unreadBytes: number;
}

/** The connections of one address, the one longest without a move first. */
interface Holder {
  readonly address: string;
  readonly holdings: Set<Holding>;
  bytes: number;
}

/**
 * The memory that clients have the proxy hold, by an estimate, so that they never have it killed for its memory: that would
 * end everybody's transfers. Where it becomes too much, the address that holds the most loses the connection that has been
 * without a move for longest, until there is room: one that waits for nothing, a head that does not end, a reader that does
 * not read. Who moves, or comes from an address with little, stays.
 */
export class ClientMemory implements ClientLoad {
  readonly #options: ClientMemoryOptions;
  readonly #holders = new Map<string, Holder>();
  readonly #holdings = new Map<Socket, Holding>();
  #count = 0;
  #bytes = 0;
  #closed = 0;
  #timer: NodeJS.Timeout | undefined;
  #seenBytes = 0;

  constructor(options: ClientMemoryOptions) {
    this.#options = options;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Connections that were closed so far to make room. */
  get closed(): number {
    return this.#closed;
  }

  add(socket: Socket): void {
    const address = socket.remoteAddress ?? '';
    const holder = this.#holders.get(address) ?? { address, holdings: new Set(), bytes: 0 };
    this.#holders.set(address, holder);
    const holding: Holding = { socket, holder, spoken: socket, bytes: 0, readBefore: 0, unreadBytes: 0 };
    holder.holdings.add(holding);
    this.#holdings.set(socket, holding);
    socket.once('close', () => this.#remove(holding));
    this.#count += 1;
    const { costs, fewConnections, lookMs } = this.#options;
    if (this.#count > fewConnections) this.#timer ??= setInterval(() => this.#look(), lookMs).unref();
    this.#grow(holding, costs.connection);
  }

  /** Before TLS is begun in a connection's tunnel. */
  secures(socket: Socket): void {
    this.#take(socket, this.#options.costs.tls);
  }

  /** HTTP is spoken in a connection's tunnel from now on. @param plain what is in it, with or without TLS. */
  speaksIn(socket: Socket, plain: Socket): void {
    const holding = this.#holdings.get(socket);
    if (holding === undefined || plain === socket) return;
    holding.spoken = plain;
    holding.readBefore = 0;
    this.#holdings.set(plain, holding);
  }

  /** A request has come. @param headBytes of its head. @returns to be called when its exchange is over. */
  arrived(spoken: Socket, headBytes: number): () => void {
    const holding = this.#holdings.get(spoken);
    if (holding === undefined) return () => undefined;
    holding.readBefore = spoken.bytesRead;
    this.#setUnread(holding, 0);
    return this.#take(spoken, headCopies * headBytes);
  }

  /** A request is served from now on, or a tunnel. @returns to be called when it is over. */
  serves(spoken: Socket): () => void {
    return this.#take(spoken, this.#options.costs.exchange);
  }

  blocked(spoken: Socket): () => void {
    return this.#take(spoken, this.#options.costs.blocked);
  }

  /** @returns gives it back, once. */
  #take(socket: Socket, bytes: number): () => void {
    const holding = this.#holdings.get(socket);
    if (holding === undefined) return () => undefined;
    this.#move(holding);
    this.#grow(holding, bytes);
    let isTaken = true;
    return () => {
      if (!isTaken) return;
      isTaken = false;
      this.#move(holding);
      this.#grow(holding, -bytes);
    };
  }

  #move(holding: Holding): void {
    const { holdings } = holding.holder;
    if (holdings.delete(holding)) holdings.add(holding);
  }

  #grow(holding: Holding, bytes: number): void {
    const { holder } = holding;
    if (!holder.holdings.has(holding)) return;
    holding.bytes += bytes;
    holder.bytes += bytes;
    this.#bytes += bytes;
    while (this.#bytes > this.#options.capacityBytes) this.#makeRoom();
  }

  #makeRoom(): void {
    let most: Holder | undefined;
    for (const holder of this.#holders.values()) if (holder.bytes > (most?.bytes ?? -1)) most = holder;
    const [oldest] = most?.holdings ?? [];
    if (oldest === undefined) return;
    this.#closed += 1;
    this.#remove(oldest);
    oldest.socket.destroy();
  }

  #remove(holding: Holding): void {
    const { holder, socket, spoken, bytes } = holding;
    if (!holder.holdings.delete(holding)) return;
    this.#holdings.delete(socket);
    this.#holdings.delete(spoken);
    holder.bytes -= bytes;
    this.#bytes -= bytes;
    if (holder.holdings.size === 0) this.#holders.delete(holder.address);
    this.#count -= 1;
    if (this.#count > this.#options.fewConnections) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /**
   * Node's parser keeps what has come of a head without telling. To ask every connection is much, so it is done when the
   * process has grown: as long as it has not, nothing of all that can be the end of it.
   */
  #look(): void {
    const { residentBytes, growthBytes, costs } = this.#options;
    const nowBytes = residentBytes();
    this.#seenBytes = Math.min(this.#seenBytes, nowBytes);
    if (nowBytes - this.#seenBytes < growthBytes) return;
    this.#seenBytes = nowBytes;
    for (const { holdings } of this.#holders.values()) {
      for (const holding of holdings) {
        this.#setUnread(holding, Math.min(costs.unread, holding.spoken.bytesRead - holding.readBefore));
      }
    }
  }

  #setUnread(holding: Holding, bytes: number): void {
    const more = bytes - holding.unreadBytes;
    if (more === 0) return;
    holding.unreadBytes = bytes;
    this.#grow(holding, more);
  }
}
