import type { ServerResponse } from 'node:http';
import type { CertificateAuthority } from '../tls/certificate-authority.ts';
import { ToolServer } from './tool-server.ts';
import type { SeenRequest } from './tool-server.ts';

/** A token endpoint over TLS, with a tool on the same server that accepts only tokens that have not been withdrawn. */
export class TokenEndpoint {
  readonly server: ToolServer;
  /** Requests for tokens, with their bodies. */
  readonly asked: SeenRequest[] = [];
  /** Requests to the tool. */
  readonly used: SeenRequest[] = [];
  readonly #valid = new Set<string>();
  readonly #path: string;
  expiresIn = 3600;
  /** The only client that gets tokens, as `id:secret` by Basic; undefined: everybody. */
  client: string | undefined;
  /** Replaces the response to a request for a token. */
  answer: ((seen: SeenRequest, response: ServerResponse) => void) | undefined;
  /** What a token begins with. */
  prefix = 'ISSUED-TOKEN-CREDENTIAL-CANARY-5b1e';

  private constructor(server: ToolServer, path: string) {
    this.server = server;
    this.#path = path;
    server.answer = (request, response, seen) => {
      request.on('end', () => this.#serve(seen, response));
    };
  }

  static async start(
    path = '/oauth/token',
    hosts: readonly string[] = ['tool.example'],
    authority?: CertificateAuthority,
  ): Promise<TokenEndpoint> {
    return new TokenEndpoint(await ToolServer.start('https', undefined, hosts, authority), path);
  }

  get url(): string {
    return `${this.server.url()}${this.#path}`;
  }

  /** Rejects all tokens issued so far. */
  withdraw(): void {
    this.#valid.clear();
  }

  /** Creates a token that the tool accepts. */
  newToken(): string {
    const token = `${this.prefix}-${this.#valid.size}-${this.asked.length}`;
    this.#valid.add(token);
    return token;
  }

  accepts(token: string): boolean {
    return this.#valid.has(token);
  }

  #serve(seen: SeenRequest, response: ServerResponse): void {
    if (seen.method === 'POST' && seen.url.split('?')[0] === this.#path) {
      this.asked.push(seen);
      if (this.answer !== undefined) {
        this.answer(seen, response);
        return;
      }
      const login = Buffer.from(/^Basic (.+)$/.exec(seen.headers.authorization ?? '')?.[1] ?? '', 'base64').toString();
      if (this.client !== undefined && login !== this.client) {
        response.writeHead(401, { 'content-type': 'application/json' }).end('{"error":"invalid_client"}');
        return;
      }
      const answer = { access_token: this.newToken(), token_type: 'Bearer', expires_in: this.expiresIn };
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
      return;
    }
    this.used.push(seen);
    const [, token = ''] = /^Bearer (.+)$/.exec(seen.headers.authorization ?? '') ?? [];
    if (this.accepts(token)) response.end('in');
    else response.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token"' }).end('out');
  }

  stop(): Promise<void> {
    return this.server.stop();
  }
}
