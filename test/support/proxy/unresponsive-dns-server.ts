import type { Socket } from 'node:dgram';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';

/** The question begins after a header of twelve bytes; a name is labels, each after its length (RFC 1035, 4.1). */
const headerBytes = 12;

/** A name server that hears every question and answers none. */
export class UnresponsiveDnsServer {
  readonly #socket: Socket;
  /** The names that were asked for, in lower case. */
  readonly asked = new Set<string>();

  private constructor(socket: Socket) {
    this.#socket = socket.on('message', (question) => this.asked.add(nameIn(question)));
  }

  /** @param address of its own, since the port is one that clients cannot choose. */
  static async start(address: string): Promise<UnresponsiveDnsServer> {
    const socket = createSocket('udp4').bind(53, address);
    await once(socket, 'listening');
    return new UnresponsiveDnsServer(socket);
  }

  stop(): Promise<unknown> {
    const closed = once(this.#socket, 'close');
    this.#socket.close();
    return closed;
  }
}

function nameIn(question: Buffer): string {
  const labels: string[] = [];
  let at = headerBytes;
  for (let length = question[at] ?? 0; length > 0; length = question[at] ?? 0) {
    labels.push(question.toString('latin1', at + 1, at + 1 + length).toLowerCase());
    at += 1 + length;
  }
  return labels.join('.');
}
