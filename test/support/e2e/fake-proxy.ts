import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One request as it reached the proxy. */
interface ProxyRequest {
  readonly method: string;
  /** A path, or for the forward way the whole URL, or `host:port` after CONNECT. */
  readonly target: string;
  /** `user:token` of `Authorization`, or its value where that is none of Basic's. */
  readonly login: string | undefined;
  readonly proxyLogin: string | undefined;
}

/** Notes what programs ask of a Connectors proxy, and lets nobody through. */
export class FakeProxy {
  readonly requests: ProxyRequest[] = [];
  /** How it answers, beyond noting; 404 unless set. */
  answer: (request: IncomingMessage, response: ServerResponse) => void = (_request, response) =>
    response.writeHead(404).end();
  readonly #server = createServer((request, response) => {
    this.#note(request);
    request.resume();
    // Only once the credentials are there: many programs keep them back until asked.
    if (request.url?.startsWith('http') && request.headers['proxy-authorization'] === undefined) {
      response.writeHead(407, { 'Proxy-Authenticate': 'Basic realm="connectors"' }).end();
    } else this.answer(request, response);
  });

  static async start(): Promise<FakeProxy> {
    const fakeProxy = new FakeProxy();
    fakeProxy.#server.on('connect', (request: IncomingMessage, socket) => {
      fakeProxy.#note(request);
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    });
    await new Promise<void>((resolve) => fakeProxy.#server.listen(0, '127.0.0.1', resolve));
    return fakeProxy;
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The requests so far that came with a login of either kind. */
  get withLogin(): readonly ProxyRequest[] {
    return this.requests.filter(({ login, proxyLogin }) => login !== undefined || proxyLogin !== undefined);
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #note({ method = '', url = '', headers }: IncomingMessage): void {
    const proxyLogin = decodeBasic(headers['proxy-authorization']);
    this.requests.push({ method, target: url, login: decodeBasic(headers.authorization), proxyLogin });
  }
}

function decodeBasic(header: string | undefined): string | undefined {
  const encoded = /^basic (.*)$/i.exec(header ?? '')?.[1];
  return encoded === undefined ? header : Buffer.from(encoded, 'base64').toString();
}
