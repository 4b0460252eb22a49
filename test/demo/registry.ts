import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ToolServer } from '../support/proxy/tool-server.ts';
import { shortPath } from './volume-text.ts';

/** A name without a DNS record; the demo's proxy resolves it by a private /etc/hosts. */
export const registryHost = 'harbor.example.com';

/** The credential that only the proxy has. */
export const registryCredential = { username: 'robot', password: 'only-the-proxy-has-this' } as const;

const login = `${registryCredential.username}:${registryCredential.password}`;
const authorization = `Basic ${Buffer.from(login).toString('base64')}`;

/**
 * The part of a registry that stores and serves layers (OCI Distribution, end-2, 4a and 6), behind TLS. It requires a
 * password, and logs the credential of each request.
 */
export class Registry {
  /** Requests with their credentials, in order. */
  readonly log: string[] = [];
  readonly #layers = new Map<string, Buffer>();
  #server: ToolServer | undefined;

  async start(): Promise<void> {
    this.#server = await ToolServer.start('https', (request, response) => this.#answer(request, response), [
      registryHost,
    ]);
  }

  get url(): string {
    return this.#server?.url(registryHost) ?? '';
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    response.once('finish', () => this.log.push(lineOf(request, response)));
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => this.#answerWhole(request, response, Buffer.concat(chunks)));
  }

  #answerWhole({ method = '', url = '', headers }: IncomingMessage, response: ServerResponse, body: Buffer): void {
    if (headers.authorization !== authorization) {
      response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="registry"' }).end();
      return;
    }
    const { pathname, searchParams } = new URL(url, 'https://localhost');
    const layer = this.#layers.get(pathname.split('/').at(-1) ?? '');
    if (method === 'POST' && pathname.endsWith('/blobs/uploads/')) {
      response.writeHead(202, { Location: `${pathname}upload` }).end();
    } else if (method === 'PUT') {
      const digest = `sha256:${createHash('sha256').update(body).digest('hex')}`;
      const isRight = searchParams.get('digest') === digest;
      if (isRight) this.#layers.set(digest, body);
      response.writeHead(isRight ? 201 : 400).end();
    } else if (method === 'GET' && layer !== undefined) response.end(layer);
    else response.writeHead(404).end();
  }
}

function lineOf({ method = '', url = '', headers }: IncomingMessage, { statusCode }: ServerResponse): string {
  const encoded = /^Basic (.*)$/.exec(headers.authorization ?? '')?.[1];
  const seen = encoded === undefined ? 'nobody' : Buffer.from(encoded, 'base64').toString();
  return `${method.padEnd(4)} ${shortPath(url)} ${statusCode} as ${seen}`;
}
