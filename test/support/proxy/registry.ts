import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ToolServer } from './tool-server.ts';
import type { SeenRequest } from './tool-server.ts';

export interface TokenRegistryOptions {
  readonly host?: string;
  /** Path of the registry; below it are its API and its token service. */
  readonly path?: string;
  /** Path of the token service, which responds below it as well. */
  readonly tokenPath?: string;
  /** Responds 200 to `GET /v2/` without a token. */
  readonly isRootOpen?: boolean;
  /** Responds to reads without a token. */
  readonly isPublic?: boolean;
  /** As Gitea's: takes a token in exchange for a new one, and challenges as the registry does. */
  readonly exchangesTokens?: boolean;
}

/**
 * A registry with token authentication: every request needs a token of the token service (on the same server), whose
 * scope must hold what the request does. It knows no layers; whatever passes is answered with 200 or 201.
 */
export class TokenRegistry {
  readonly tool: ToolServer;
  /** Scopes that tokens were asked for, in order. */
  readonly asked: string[][] = [];
  readonly #tokens = new Map<string, readonly string[]>();
  #login = '';
  readonly #path: string;
  readonly #tokenPath: string;
  readonly #options: TokenRegistryOptions;
  /** Where challenges lead; the registry's own host unless set. */
  realm: string | undefined;
  /** What challenges ask for instead of the scope that the request needs. */
  wantedScope: string | undefined;
  expiresIn = 300;

  private constructor(tool: ToolServer, login: string, options: TokenRegistryOptions) {
    this.tool = tool;
    this.#options = options;
    this.#path = options.path ?? '';
    this.#tokenPath = options.tokenPath ?? '/token';
    this.login = login;
    tool.answer = (request, response, seen) => this.#answer(request, response, seen);
  }

  /** @param login `user:password`. */
  static async start(login: string, options: TokenRegistryOptions = {}): Promise<TokenRegistry> {
    const { host = 'registry.example' } = options;
    return new TokenRegistry(await ToolServer.start('https', undefined, [host]), login, options);
  }

  get url(): string {
    return `${this.tool.url(this.#options.host ?? 'registry.example')}${this.#path}`;
  }

  get tokenUrl(): string {
    return `${this.url}${this.#tokenPath}`;
  }

  /** What the token service accepts from now on, `user:password`. */
  set login(login: string) {
    this.#login = `Basic ${Buffer.from(login).toString('base64')}`;
  }

  /** Withdraws all tokens. */
  forgetTokens(): void {
    this.#tokens.clear();
  }

  /** Requests other than those for tokens. */
  get requests(): readonly SeenRequest[] {
    return this.tool.seen.filter((seen) => !this.#isForToken(seen));
  }

  /** Requests for tokens. */
  get tokenRequests(): readonly SeenRequest[] {
    return this.tool.seen.filter((seen) => this.#isForToken(seen));
  }

  #isForToken({ url }: SeenRequest): boolean {
    return url.startsWith(`${this.#path}${this.#tokenPath}`);
  }

  #answer(request: IncomingMessage, response: ServerResponse, seen: SeenRequest): void {
    if (this.#isForToken(seen)) {
      this.#giveToken(response, seen);
      return;
    }
    const path = seen.url.startsWith(`${this.#path}/v2/`) ? seen.url.slice(this.#path.length) : undefined;
    if (path === undefined) {
      response.writeHead(404).end();
      return;
    }
    const needed = this.wantedScope ?? scopeOf(seen.method, path);
    const isOpen =
      (this.#options.isRootOpen === true && path === '/v2/') ||
      (this.#options.isPublic === true && isRead(seen.method));
    const granted = this.#tokens.get(bearerIn(seen));
    const isGranted = granted !== undefined && (needed === undefined || granted.some((scope) => covers(scope, needed)));
    if (!isOpen && !isGranted) {
      this.#challenge(response, needed);
      return;
    }
    request.on('end', () => response.writeHead(isRead(seen.method) ? 200 : 201).end('layer'));
    request.resume();
  }

  #challenge(response: ServerResponse, needed: string | undefined): void {
    const scope = needed === undefined ? '' : `,scope="${needed}"`;
    const realm = this.realm ?? this.tokenUrl;
    response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}",service="registry"${scope}` });
    response.end('{"errors":[{"code":"UNAUTHORIZED"}]}');
  }

  #giveToken(response: ServerResponse, seen: SeenRequest): void {
    const exchanges = this.#options.exchangesTokens === true;
    const isKnown = seen.headers.authorization === this.#login || (exchanges && this.#tokens.has(bearerIn(seen)));
    if (!isKnown) {
      if (exchanges) this.#challenge(response, '*');
      else response.writeHead(401, { 'www-authenticate': 'Basic realm="token service"' }).end();
      return;
    }
    const scopes = new URL(seen.url, this.url).searchParams.getAll('scope');
    this.asked.push(scopes);
    const token = `REGISTRY-TOKEN-CREDENTIAL-CANARY-5b1e-${randomBytes(8).toString('hex')}`;
    this.#tokens.set(token, scopes);
    response.end(JSON.stringify({ token, expires_in: this.expiresIn }));
  }

  stop(): Promise<void> {
    return this.tool.stop();
  }
}

function bearerIn({ headers }: SeenRequest): string {
  return /^Bearer (.*)$/.exec(headers.authorization ?? '')?.[1] ?? '';
}

function isRead(method: string): boolean {
  return method === 'GET' || method === 'HEAD';
}

function scopeOf(method: string, path: string): string | undefined {
  const name = /^\/v2\/(.+)\/(?:manifests|blobs)\//.exec(path)?.[1];
  return name === undefined ? undefined : `repository:${name}:${isRead(method) ? 'pull' : 'push,pull'}`;
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
