import type { Server, Socket } from 'node:net';
import net from 'node:net';
import type { TLSSocket } from 'node:tls';
import tls from 'node:tls';
import { headOf } from './proxy-client.ts';
import type { ProxyClient } from './proxy-client.ts';
import { portOf } from './proxy-fixture.ts';
import { toolAuthority } from './tool-server.ts';

/** Chunks of one byte: each costs a receiver that keeps them apart some hundred bytes. */
export const oneByteChunks = Buffer.from('1\r\na\r\n'.repeat(16 * 1024));
/** Chunks that are passed on fast, so that they fill what is between two sides that do not read. */
export const largeChunks = Buffer.from(`4000\r\n${'a'.repeat(0x4000)}\r\n`.repeat(4));
/** Nearly as much as a header section can have. */
const longHeaders = Array.from({ length: 14 }, (_, at) => `X-Long-${at}: ${'a'.repeat(1_000)}\r\n`).join('');

/** Writes without end as long as the other side takes it. */
export function flood(socket: Socket, block: Buffer): void {
  // Later, since a kernel that takes everything at once would let nothing else run here.
  const soon = (): void => void setImmediate(more);
  const more = (): void => {
    if (!socket.destroyed && socket.write(block)) soon();
  };
  socket.on('drain', soon);
  more();
}

/**
 * A tool that reads no body, and that answers what asks for `/flood` with long headers and endless chunks, once it is told
 * to, and everything else with `hello`.
 */
export class StallingTool {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Connections with a request that waits for its answer. */
  readonly waiting = new Set<Socket>();

  private constructor(hosts: readonly string[]) {
    const { certificate, key } = toolAuthority.issue({ commonName: 'tool', hosts });
    this.#server = tls.createServer({ cert: certificate, key }, (socket) => this.#serve(socket));
  }

  static async start(hosts: readonly string[]): Promise<StallingTool> {
    const tool = new StallingTool(hosts);
    await new Promise<void>((resolve) => tool.#server.listen(0, '127.0.0.1', 2048, resolve));
    return tool;
  }

  get port(): number {
    return portOf(this.#server);
  }

  /** Connections open now. */
  get connections(): number {
    return this.#sockets.size;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Answers all requests that wait. */
  flood(block: Buffer): void {
    for (const socket of this.waiting) {
      socket.write(`HTTP/1.1 200 OK\r\n${longHeaders}Transfer-Encoding: chunked\r\n\r\n`);
      flood(socket, block);
    }
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket
      .on('error', () => undefined)
      .once('close', () => {
        this.#sockets.delete(socket);
        this.waiting.delete(socket);
      });
    let text = '';
    const read = (chunk: Buffer): void => {
      text += chunk.toString('latin1');
      const end = text.indexOf('\r\n\r\n');
      if (end === -1) return;
      const head = text.slice(0, end);
      text = text.slice(end + 4);
      if (!/^\S+ \S*\/flood /.test(head)) {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello');
        return;
      }
      socket.off('data', read).pause();
      this.waiting.add(socket);
    };
    socket.on('data', read);
  }
}

/** A client's connections, from an address of its own, which are never read. */
export class StallingClient {
  readonly sockets: Socket[] = [];
  readonly #stalled: Socket[] = [];
  readonly #address: string;
  readonly #proxy: ProxyClient;
  readonly #authority: string;

  constructor(address: string, proxy: ProxyClient, authority: string) {
    this.#address = address;
    this.#proxy = proxy;
    this.#authority = authority;
  }

  close(): void {
    for (const socket of this.sockets.splice(0)) socket.destroy();
  }

  async connect(): Promise<Socket> {
    const socket = net.connect({ port: this.#proxy.port, host: '127.0.0.1', localAddress: this.#address });
    this.sockets.push(socket.on('error', () => undefined));
    await openOrClosed(socket, 'connect');
    return socket;
  }

  /** A tunnel with TLS in it. @returns undefined if the proxy refuses it. */
  async tunnel(authority: string): Promise<TLSSocket | undefined> {
    const socket = await this.connect();

    socket.write(this.#head('CONNECT', authority, authority));
    if (!(await headOf(socket)).startsWith('HTTP/1.1 200')) return undefined;

    const secure = tls.connect({ socket, servername: authority.replace(/:\d+$/, ''), ca: this.#authority });
    secure.on('error', () => undefined);
    await openOrClosed(secure, 'secureConnect');
    return secure;
  }

  /** Begins a request with an endless body, and reads nothing. */
  async stall(authority: string): Promise<void> {
    const secure = await this.tunnel(authority);
    if (secure === undefined) return;
    secure.pause();
    secure.write(`POST /flood HTTP/1.1\r\nHost: ${authority}\r\n${longHeaders}Transfer-Encoding: chunked\r\n\r\n`);
    secure.write('1\r\na\r\n');
    this.#stalled.push(secure);
  }

  /** Goes on with the bodies. */
  flood(block: Buffer): void {
    for (const socket of this.#stalled) flood(socket, block);
  }

  /** Headers of a request that do not end. */
  async beginHeaders(authority?: string): Promise<void> {
    const socket = authority === undefined ? await this.connect() : await this.tunnel(authority);
    socket?.pause();
    socket?.write(`GET http://tool.example/ HTTP/1.1\r\nHost: tool.example\r\n${longHeaders}`);
  }

  #head(method: string, target: string, host: string): string {
    return `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\nProxy-Authorization: ${this.#proxy.authorization}\r\n\r\n`;
  }
}

/** Also without an error if the proxy cuts the connection off: it has a limit of time for everything. */
function openOrClosed(socket: Socket, opened: 'connect' | 'secureConnect'): Promise<void> {
  return new Promise((resolve) => void socket.once(opened, resolve).once('close', () => resolve()));
}
