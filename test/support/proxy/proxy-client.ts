import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import http from 'node:http';
import type { Socket } from 'node:net';
import net from 'node:net';
import type { TLSSocket } from 'node:tls';
import tls from 'node:tls';

export interface ClientAnswer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly rawTrailers: readonly string[];
  readonly body: string;
}

export interface ClientRequest {
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Buffer;
}

/** A client of the proxy, as `http_proxy` and `https_proxy` make one. */
export class ProxyClient {
  readonly port: number;
  readonly token: string;
  readonly authorization: string;
  readonly #authority: string;
  readonly #localAddress: string;
  readonly #host: string;

  /** @param localAddress the client's own, for what the proxy counts by address. @param host of the proxy. */
  constructor(
    port: number,
    connectors: string,
    token: string,
    authority: string,
    localAddress = '127.0.0.1',
    host = '127.0.0.1',
  ) {
    this.port = port;
    this.token = token;
    this.#authority = authority;
    this.#localAddress = localAddress;
    this.#host = host;
    this.authorization = `Basic ${Buffer.from(`${encodeURIComponent(connectors)}:${token}`).toString('base64')}`;
  }

  /** A request in absolute form. */
  get(url: string, request: ClientRequest = {}, agent?: http.Agent): Promise<ClientAnswer> {
    const headers = { host: new URL(url).host, 'proxy-authorization': this.authorization, ...request.headers };
    return send({ ...this.#peers(), path: url, agent: agent ?? false }, { ...request, headers });
  }

  /** A request to the proxy itself. @param token null: none is shown. */
  reverse(path: string, request: ClientRequest = {}, token: string | null = this.token): Promise<ClientAnswer> {
    const headers = { ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...request.headers };
    return send({ ...this.#peers(), path, agent: false }, { ...request, headers });
  }

  /** Opens a tunnel. @returns the answer's head, and the connection. */
  async connect(authority: string): Promise<{ readonly head: string; readonly socket: Socket }> {
    const socket = await this.raw();
    socket.write(
      `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\nProxy-Authorization: ${this.authorization}\r\n\r\n`,
    );
    return { head: await headOf(socket), socket };
  }

  /** A tunnel with TLS in it that trusts the proxy's CA alone. */
  async tunnel(authority: string): Promise<TLSSocket> {
    const { head, socket } = await this.connect(authority);
    if (!head.startsWith('HTTP/1.1 200')) throw new Error(`no tunnel: ${head}`);
    const servername = authority.replace(/:\d+$/, '');
    const secure = tls.connect({ socket, servername, ca: this.#authority });
    await new Promise<void>((resolve, reject) => secure.once('secureConnect', resolve).once('error', reject));
    return secure;
  }

  /** One request through a tunnel of its own. */
  async getSecurely(url: string, request: ClientRequest = {}): Promise<ClientAnswer> {
    const { host, port, pathname, search } = new URL(url);
    const socket = await this.tunnel(port === '' ? `${host}:443` : host);
    try {
      return await sendOn(socket, `${pathname}${search}`, { ...request, headers: { host, ...request.headers } });
    } finally {
      socket.destroy();
    }
  }

  /** A connection on which a test speaks for itself. */
  async raw(): Promise<Socket> {
    const socket = net.connect(this.#peers());
    socket.on('error', () => undefined);
    await new Promise<void>((resolve) => socket.once('connect', resolve));
    return socket;
  }

  /** Sends bytes and waits for the end of the connection, or for so long. */
  async exchange(bytes: string | Buffer, waitMs = 5_000): Promise<string> {
    const socket = await this.raw();
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
    await Promise.race([
      new Promise((resolve) => socket.once('close', resolve)),
      new Promise((resolve) => setTimeout(resolve, waitMs)),
    ]);
    socket.destroy();
    return text;
  }

  #peers(): { readonly host: string; readonly port: number; readonly localAddress: string } {
    return { host: this.#host, port: this.port, localAddress: this.#localAddress };
  }
}

/** One request on a connection that is open, which stays open. */
export function sendOn(socket: Socket, path: string, request: ClientRequest): Promise<ClientAnswer> {
  const headers = { connection: 'keep-alive', ...request.headers };
  return send({ path, createConnection: () => socket }, { ...request, headers });
}

/** Reads up to the end of an answer's head. */
export async function headOf(socket: Socket): Promise<string> {
  let text = '';
  for (;;) {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) {
      if (socket.readableEnded || socket.destroyed) return text;
      await new Promise((resolve) => {
        socket.once('readable', resolve).once('close', resolve);
      });
      continue;
    }
    text += chunk.toString('latin1');
    const end = text.indexOf('\r\n\r\n');
    if (end === -1) continue;
    const rest = Buffer.from(text.slice(end + 4), 'latin1');
    if (rest.length > 0) socket.unshift(rest);
    return text.slice(0, end + 4);
  }
}

async function send(options: http.RequestOptions, request: ClientRequest): Promise<ClientAnswer> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const sent = http.request({
      host: '127.0.0.1',
      ...options,
      method: request.method ?? 'GET',
      headers: request.headers ?? {},
    });
    sent.once('response', resolve).once('error', reject);
    sent.end(request.body);
  });
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    rawHeaders: response.rawHeaders,
    rawTrailers: response.rawTrailers,
    body: Buffer.concat(chunks).toString('latin1'),
  };
}
