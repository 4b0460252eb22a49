import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import http from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import path from 'node:path';
import tls from 'node:tls';

/** Response of the registry, or of the proxy. */
interface HttpResponse {
  readonly status: number;
  readonly location: string | undefined;
  readonly body: string;
}

export interface ClientResponse extends HttpResponse {
  readonly method: string;
  readonly url: string;
}

/** A program in a pod. It learns of the proxy only from files of the volume, which it reads for each request. */
export class VolumeClient {
  readonly #directory: string;
  /** Everything that responses contained. */
  received = '';

  /** @param directory the volume. */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Sends a request like curl with `--proxy "$(cat https.proxy)" --cacert ca.crt`. */
  send(method: string, url: string, body?: string): Promise<ClientResponse> {
    return this.#sendBy(new URL(this.#read('https.proxy')), method, url, body);
  }

  /** Sends a request with another token. @param token null: without credentials. */
  get(url: string, token: string | null): Promise<ClientResponse> {
    const proxy = new URL(this.#read('https.proxy'));
    if (token === null) proxy.username = '';
    proxy.password = token ?? '';
    return this.#sendBy(proxy, 'GET', url);
  }

  async #sendBy(proxy: URL, method: string, url: string, body?: string): Promise<ClientResponse> {
    const { host, hostname } = new URL(url);
    const tunnel = await this.#connect(proxy, host);
    if (!('socket' in tunnel)) return { method, url, ...tunnel };
    const socket = tls.connect({ socket: tunnel.socket, servername: hostname, ca: this.#read('ca.crt') });
    try {
      return await new Promise((resolve, reject) => {
        const options = { method, createConnection: () => socket, headers: { Connection: 'close' } };
        const request = https.request(url, options, (answer) => {
          this.#collect(answer, answer).then((collected) => resolve({ method, url, ...collected }), reject);
        });
        request.once('error', reject).end(body);
      });
    } finally {
      socket.destroy();
    }
  }

  /** Opens a tunnel. @returns its socket, or the proxy's response if it rejects the request. */
  #connect(proxy: URL, authority: string): Promise<{ readonly socket: Socket } | HttpResponse> {
    const userinfo = `${decodeURIComponent(proxy.username)}:${proxy.password}`;
    const credentials =
      userinfo === ':' ? {} : { 'Proxy-Authorization': `Basic ${Buffer.from(userinfo).toString('base64')}` };
    return new Promise((resolve, reject) => {
      const { hostname, port } = proxy;
      const headers = { Host: authority, ...credentials };
      const request = http.request({ hostname, port, method: 'CONNECT', path: authority, headers, agent: false });
      request.once('error', reject).once('connect', (answer, socket: Socket, head: Buffer) => {
        if (answer.statusCode === 200) resolve({ socket });
        else {
          const length = Number(answer.headers['content-length'] ?? 0);
          socket.unshift(head);
          resolve(this.#collect(answer, upTo(length, socket)).finally(() => socket.destroy()));
        }
      });
      request.end();
    });
  }

  async #collect(answer: IncomingMessage, content: AsyncIterable<unknown>): Promise<HttpResponse> {
    const chunks: Buffer[] = [];
    for await (const chunk of content) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    this.received += `${answer.rawHeaders.join('\n')}\n${body}\n`;
    return { status: answer.statusCode ?? 0, location: answer.headers.location, body };
  }

  #read(file: string): string {
    return readFileSync(path.join(this.#directory, file), 'utf8');
  }
}

/** Reads a body of known length. After CONNECT the parser has released the connection, which can stay open. */
async function* upTo(length: number, content: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  let left = length;
  if (left === 0) return;
  for await (const chunk of content) {
    yield chunk.subarray(0, left);
    left -= chunk.length;
    if (left <= 0) return;
  }
}
