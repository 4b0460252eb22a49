import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

/** Forwards TCP to a port, until connections are made to fall silent: open, but nothing passes in either direction. */
export class StallingProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #accepted = 0;
  #isSilent = false;

  private constructor(targetPort: number) {
    this.#server = createServer((near) => {
      this.#accepted += 1;
      if (this.#isSilent) {
        this.#sockets.add(near);
        near.on('error', () => undefined).on('close', () => this.#sockets.delete(near));
        return;
      }
      const far = connect(targetPort, '127.0.0.1');
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(from);
        from.pipe(to);
        from.on('error', () => to.destroy());
        from.on('close', () => {
          this.#sockets.delete(from);
          to.destroy();
        });
      }
    });
  }

  static async start(targetPort: number): Promise<StallingProxy> {
    const proxy = new StallingProxy(targetPort);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', () => resolve()));
    return proxy;
  }

  get port(): number {
    const address = this.#server.address() as AddressInfo;
    return address.port;
  }

  /** Connections so far. */
  get accepted(): number {
    return this.#accepted;
  }

  /** The connections that are open now fall silent; later ones work. */
  stall(): void {
    for (const socket of this.#sockets) {
      socket.unpipe();
      socket.pause();
    }
  }

  /** As `stall`, and so do all that are opened until `endSilence`: a network that swallows everything. */
  silence(): void {
    this.#isSilent = true;
    this.stall();
  }

  /** From now on connections work; those that fell silent stay so. */
  endSilence(): void {
    this.#isSilent = false;
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
