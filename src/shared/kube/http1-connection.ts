import type { IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import type { RequestOptions } from 'node:https';
import { transportError } from './connection.js';
import type { Connection, HttpResponse, HttpRequest } from './connection.js';

/** Exchanges with a server that does not offer HTTP/2: kept-alive sockets, one for each exchange in flight. */
export class Http1Connection implements Connection {
  readonly #target: RequestOptions;
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: 4 });
  #isRetired = false;
  #active = 0;

  /** @param target host, port and TLS options. */
  constructor(target: RequestOptions) {
    this.#target = target;
  }

  get active(): number {
    return this.#active;
  }

  get isRetired(): boolean {
    return this.#isRetired;
  }

  hasCapacity(): boolean {
    return !this.#isRetired;
  }

  async request({ method, path, headers, body }: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      let isConnected = false;
      const options = { ...this.#target, agent: this.#agent, method, path, headers, signal };
      const request = httpsRequest(options, resolve);
      request.once('socket', (socket) => {
        isConnected = request.reusedSocket;
        if (!isConnected) socket.once('secureConnect', () => (isConnected = true));
      });
      this.#active += 1;
      request.once('close', () => (this.#active -= 1));
      request.on('error', (error) => {
        this.#isRetired ||= !signal.aborted;
        reject(transportError(error, isConnected));
      });
      request.end(body);
    });
    return {
      status: response.statusCode ?? 0,
      contentType: response.headers['content-type'] ?? '',
      retryAfter: response.headers['retry-after'],
      body: bodyOf(response),
    };
  }

  retire(): void {
    this.#isRetired = true;
  }

  ping(): void {
    // HTTP/1.1 has no ping. TCP keep-alive and the limits on attempts and idle watches detect dead connections.
  }

  close(): void {
    this.#isRetired = true;
    this.#agent.destroy();
  }
}

async function* bodyOf(response: IncomingMessage): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of response) yield chunk as Buffer;
  } catch (error) {
    throw transportError(error, true);
  }
}
