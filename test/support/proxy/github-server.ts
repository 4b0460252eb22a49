import { generateKeyPairSync } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { jwtVerify } from 'jose';
import type { CertificateAuthority } from '../tls/certificate-authority.ts';
import { ToolServer } from './tool-server.ts';
import type { SeenRequest } from './tool-server.ts';

/** Keys of an App: the public one is known to GitHub. */
const appKeys = generateKeyPairSync('rsa', { modulusLength: 2048 });
export const appPrivateKey = appKeys.privateKey.export({ type: 'pkcs1', format: 'pem' }) as string;

interface AskedToken {
  readonly installation: string;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly repositories?: readonly string[];
}

interface GithubServerOptions {
  readonly hosts?: readonly string[];
  /** Path of the API. At a host of its own, which begins with `api.`, clients find it without the path. */
  readonly root?: string;
  /** The beginning of its tokens. */
  readonly token?: string;
  /** Answers requests with a valid token outside the API. */
  readonly site?: (request: IncomingMessage, response: ServerResponse) => void;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  readonly authority?: CertificateAuthority;
}

/**
 * GitHub, as an App sees it: its API, which verifies assertions by the public key, and a site behind it that accepts
 * tokens as passwords. It has installation 77.
 */
export class GithubServer {
  readonly tool: ToolServer;
  readonly asked: AskedToken[] = [];
  /** Requests of the App itself, as `METHOD PATH`. */
  readonly ofApp: string[] = [];
  /** Valid tokens, with the time until which each is. */
  readonly valid = new Map<string, number>();
  /** Life of a token in milliseconds. */
  lifeMs = 3_600_000;
  /** Replaces the responses to the App. */
  refusal: { readonly status: number; readonly body: string } | undefined;
  /** Replaces them by something other than a status and a body. */
  answer: ((response: ServerResponse) => void) | undefined;
  readonly #options: GithubServerOptions;

  private constructor(tool: ToolServer, options: GithubServerOptions) {
    this.tool = tool;
    this.#options = options;
    tool.answer = (request, response, seen) => {
      if (this.#isApi(seen)) {
        request.once('end', () => void this.#api(seen, response).catch(() => response.destroy()));
      } else this.#site(request, response, seen);
    };
  }

  static async start(options: GithubServerOptions = {}): Promise<GithubServer> {
    const { hosts = ['github.example'], authority } = options;
    return new GithubServer(await ToolServer.start('https', undefined, hosts, authority), options);
  }

  get url(): string {
    return this.tool.url(this.#options.hosts?.[0] ?? 'github.example');
  }

  /** Requests of clients. */
  get ofClients(): readonly SeenRequest[] {
    return this.tool.seen.filter(({ headers }) => !(headers.authorization ?? '').startsWith('Bearer eyJ'));
  }

  get #root(): string {
    return this.#options.root ?? '/api/v3';
  }

  get #now(): number {
    return (this.#options.now ?? Date.now)();
  }

  #isApi({ url, headers }: SeenRequest): boolean {
    return url.startsWith(`${this.#root}/`) || (headers.host ?? '').startsWith('api.');
  }

  #accepts(token: string): boolean {
    return (this.valid.get(token) ?? 0) > this.#now;
  }

  #site(request: IncomingMessage, response: ServerResponse, { headers }: SeenRequest): void {
    const [, encoded = ''] = /^Basic (.+)$/.exec(headers.authorization ?? '') ?? [];
    const [, token = ''] = /^x-access-token:(.+)$/.exec(Buffer.from(encoded, 'base64').toString()) ?? [];
    if (!this.#accepts(token)) response.writeHead(401, { 'www-authenticate': 'Basic realm="GitHub"' }).end();
    else if (this.#options.site === undefined) response.end('site');
    else this.#options.site(request, response);
  }

  async #api(seen: SeenRequest, response: ServerResponse): Promise<void> {
    if (this.answer !== undefined && (seen.headers.authorization ?? '').startsWith('Bearer eyJ')) {
      this.answer(response);
      return;
    }
    const { status, body } = await this.#apiAnswer(seen);
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  }

  async #apiAnswer({ method, url, headers, body }: SeenRequest): Promise<ApiAnswer> {
    const path = url.slice(this.#root.length);
    const [, bearer = ''] = /^Bearer (.+)$/.exec(headers.authorization ?? '') ?? [];
    if (!bearer.startsWith('eyJ')) return { status: this.#accepts(bearer) ? 200 : 401, body: {} };
    this.ofApp.push(`${method} ${path}`);
    if (this.refusal !== undefined) return this.refusal;
    const { payload } = await jwtVerify(bearer, appKeys.publicKey, {
      issuer: 'Iv1.app',
      algorithms: ['RS256'],
      currentDate: new Date(this.#now),
    });
    if ((payload.exp ?? 0) - (payload.iat ?? 0) > 600) return { status: 401, body: 'exp is too far in the future' };
    const [, installation] = /^\/app\/installations\/(\d+)\/access_tokens$/.exec(path) ?? [];
    if (method !== 'POST' || installation !== '77') return notFound;
    this.asked.push({ installation, ...(JSON.parse(body) as object) });
    const token = `${this.#options.token ?? 'ghs_CREDENTIAL-CANARY-5b1e'}-${this.asked.length}`;
    const expiresAtMs = this.#now + this.lifeMs;
    this.valid.set(token, expiresAtMs);
    return { status: 201, body: { token, expires_at: new Date(expiresAtMs).toISOString(), permissions: {} } };
  }

  stop(): Promise<void> {
    return this.tool.stop();
  }
}

interface ApiAnswer {
  readonly status: number;
  /** JSON, or a text. */
  readonly body: object | string;
}

const notFound: ApiAnswer = { status: 404, body: {} };
