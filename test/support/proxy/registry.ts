import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ToolServer } from './tool-server.js';
import type { SeenRequest } from './tool-server.js';

/**
 * A registry with token authentication: every request needs a token of the token service (on the same server), whose
 * scope must hold what the request does. It knows no layers; whatever passes is answered with 200 or 201.
 */
export class TokenRegistry {
  readonly tool: ToolServer;
  /** Scopes that tokens were asked for, in order. */
  readonly asked: string[][] = [];
  readonly #tokens = new Map<string, readonly string[]>();
  readonly #login: string;
  /** Where challenges lead; the registry's own host unless set. */
  realm: string | undefined;
  expiresIn = 300;

  private constructor(tool: ToolServer, login: string) {
    this.tool = tool;
    this.#login = `Basic ${Buffer.from(login).toString('base64')}`;
    tool.answer = (request, response, seen) => this.#answer(request, response, seen);
  }

  /** @param login `user:password`. */
  static async start(login: string): Promise<TokenRegistry> {
    return new TokenRegistry(await ToolServer.start('https', undefined, ['registry.example']), login);
  }

  get url(): string {
    return this.tool.url('registry.example');
  }

  /** Withdraws all tokens. */
  forgetTokens(): void {
    this.#tokens.clear();
  }

  /** Requests other than those for tokens. */
  get requests(): readonly SeenRequest[] {
    return this.tool.seen.filter(({ url }) => !url.startsWith('/token'));
  }

  #answer(request: IncomingMessage, response: ServerResponse, seen: SeenRequest): void {
    if (seen.url.startsWith('/token')) {
      this.#giveToken(response, seen);
      return;
    }
    const needed = scopeOf(seen);
    const token = /^Bearer (.*)$/.exec(seen.headers.authorization ?? '')?.[1] ?? '';
    const granted = this.#tokens.get(token);
    if (granted === undefined || (needed !== undefined && !granted.some((scope) => covers(scope, needed)))) {
      const scope = needed === undefined ? '' : `,scope="${needed}"`;
      const realm = this.realm ?? `${this.url}/token`;
      response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}",service="registry"${scope}` });
      response.end('{"errors":[{"code":"UNAUTHORIZED"}]}');
      return;
    }
    request.on('end', () => response.writeHead(seen.method === 'GET' ? 200 : 201).end('layer'));
    request.resume();
  }

  #giveToken(response: ServerResponse, { url, headers }: SeenRequest): void {
    if (headers.authorization !== this.#login) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="token service"' }).end();
      return;
    }
    const scopes = new URL(url, this.url).searchParams.getAll('scope');
    this.asked.push(scopes);
    const token = `REGISTRY-TOKEN-CREDENTIAL-CANARY-5b1e-${randomBytes(8).toString('hex')}`;
    this.#tokens.set(token, scopes);
    response.end(JSON.stringify({ token, expires_in: this.expiresIn }));
  }
}

function scopeOf({ method, url }: SeenRequest): string | undefined {
  const name = /^\/v2\/(.+)\/(?:manifests|blobs)\//.exec(url)?.[1];
  return name === undefined ? undefined : `repository:${name}:${method === 'GET' ? 'pull' : 'push,pull'}`;
}

function covers(granted: string, needed: string): boolean {
  const [name, actions] = split(granted);
  const [neededName, neededActions] = split(needed);
  return name === neededName && neededActions.split(',').every((action) => actions.split(',').includes(action));
}

function split(scope: string): [string, string] {
  const colon = scope.lastIndexOf(':');
  return [scope.slice(0, colon), scope.slice(colon + 1)];
}
