import type { Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import { portOf } from './proxy-fixture.ts';

/** A tool that answers with bytes of the test's choice, to the letter. */
export class RawTool {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Requests of each connection so far. */
  readonly requests: number[] = [];
  /** Heads of requests so far. */
  readonly heads: string[] = [];
  /** Called with each request's head. */
  answer: (socket: Socket, head: string) => void;

  private constructor(answer: RawTool['answer']) {
    this.answer = answer;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  static async start(answer: RawTool['answer'] = () => undefined): Promise<RawTool> {
    const tool = new RawTool(answer);
    await new Promise<void>((resolve) => tool.#server.listen(0, '127.0.0.1', resolve));
    return tool;
  }

  get url(): string {
    return `http://tool.example:${portOf(this.#server)}`;
  }

  /** Connections so far. */
  get connections(): number {
    return this.requests.length;
  }

  get openConnections(): number {
    return this.#sockets.size;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(socket: Socket): void {
    const at = this.requests.push(0) - 1;
    this.#sockets.add(socket);
    socket.on('error', () => undefined).once('close', () => this.#sockets.delete(socket));
    let text = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk;
      for (let end = text.indexOf('\r\n\r\n'); end !== -1; end = text.indexOf('\r\n\r\n')) {
        const head = text.slice(0, end + 4);
        text = text.slice(end + 4);
        this.heads.push(head);
        this.requests[at]! += 1;
        this.answer(socket, head);
      }
    });
  }
}
