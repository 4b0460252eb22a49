import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { CertificateAuthority } from '../tls/certificate-authority.ts';
import { secret } from './manifests.ts';

export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  body: string;
  rawTrailers: readonly string[];
}

export type Answer = (request: IncomingMessage, response: ServerResponse, seen: SeenRequest) => void;

/** What a tool's certificate is signed by; tests that trust tools trust this. */
export const toolAuthority = new CertificateAuthority('tool authority');

/** The Secret with its certificate, for `caSecret` of a Connector. */
export const toolCa = secret('tool-ca', 'Opaque', { 'ca.crt': toolAuthority.certificate });

/** A tool behind a connector: a real server, which tells what it has seen. */
export class ToolServer {
  readonly seen: SeenRequest[] = [];
  readonly server: Server;
  readonly scheme: 'http' | 'https';
  readonly #sockets = new Set<Socket>();
  readonly #used = new WeakSet<Socket>();
  /** Whether a connection is closed when its second request arrives, as one that was idle for too long. */
  closesKept = false;
  /** The requests that were lost by that, as `METHOD PATH`. */
  readonly lost: string[] = [];
  answer: Answer;

  constructor(scheme: 'http' | 'https', answer: Answer, hosts: readonly string[], authority = toolAuthority) {
    this.scheme = scheme;
    this.answer = answer;
    const serve = (request: IncomingMessage, response: ServerResponse): void => this.#serve(request, response);
    if (scheme === 'http') this.server = http.createServer(serve);
    else {
      const { certificate, key } = authority.issue({ commonName: 'tool', hosts });
      this.server = https.createServer({ cert: certificate, key }, serve);
    }
    this.server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  static async start(
    scheme: 'http' | 'https',
    answer: Answer = (_request, response) => void response.end('hello'),
    hosts: readonly string[] = ['tool.example'],
    authority?: CertificateAuthority,
  ): Promise<ToolServer> {
    const tool = new ToolServer(scheme, answer, hosts, authority);
    await new Promise<void>((resolve) => tool.server.listen(0, '127.0.0.1', resolve));
    return tool;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** @param host one of the names in its certificate. */
  url(host = 'tool.example'): string {
    return `${this.scheme}://${host}:${this.port}`;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const { method = '', url = '', headers, rawHeaders, socket } = request;
    if (this.closesKept && this.#used.has(socket)) {
      this.lost.push(`${method} ${url}`);
      socket.destroy();
      return;
    }
    this.#used.add(socket);
    const seen: SeenRequest = { method, url, headers, rawHeaders, body: '', rawTrailers: [] };
    this.seen.push(seen);
    request.on('data', (chunk: Buffer) => {
      if (seen.body.length < 1_000_000) seen.body += chunk.toString('latin1');
    });
    request.on('end', () => (seen.rawTrailers = request.rawTrailers));
    request.on('error', () => undefined);
    this.answer(request, response, seen);
  }
}
