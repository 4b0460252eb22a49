import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** The part of a registry that stores and serves layers (OCI Distribution, end-2, 4a and 6), with a password. */
export class MemoryRegistry {
  readonly #authorization: string;
  readonly #layers = new Map<string, Buffer>();

  constructor({ username, password }: { readonly username: string; readonly password: string }) {
    this.#authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  }

  answer(request: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => this.#answerWhole(request, response, Buffer.concat(chunks)));
  }

  #answerWhole({ method = '', url = '', headers }: IncomingMessage, response: ServerResponse, body: Buffer): void {
    if (headers.authorization !== this.#authorization) {
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
