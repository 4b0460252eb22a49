import { createPrivateKey, randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import { CertificateAuthority } from '../tls/certificate-authority.ts';
import { ToolServer } from '../proxy/tool-server.ts';
import type { SeenRequest } from '../proxy/tool-server.ts';

/**
 * The token service of a registry (CNCF Distribution, token authentication): signs what it is asked for to those with the
 * password, and to everybody the right to pull from `public/`.
 */
export class RegistryTokenService {
  readonly service = 'registry';
  readonly issuer = 'token service';
  /** What its tokens are verified with, PEM. */
  readonly certificate: string;
  readonly #key: string;
  readonly #tool: ToolServer;
  readonly #host: string;
  readonly #isRight: (login: string) => boolean;
  /** Life of its tokens in seconds, as it is told to clients. */
  expiresIn = 300;
  /** Requests with a wrong login. */
  rejected = 0;

  private constructor(tool: ToolServer, host: string, isRight: (login: string) => boolean) {
    this.#tool = tool;
    this.#host = host;
    this.#isRight = isRight;
    const pair = new CertificateAuthority('tokens').issue({ commonName: 'tokens' });
    this.certificate = pair.certificate;
    this.#key = pair.key;
    tool.answer = (_request, response, seen) => {
      void this.#answer(seen).then(
        (answer) => response.writeHead(answer === undefined ? 401 : 200).end(JSON.stringify(answer ?? {})),
        () => response.destroy(),
      );
    };
  }

  /** @param login `user:password`, or which ones are right. */
  static async start(host: string, login: string | ((login: string) => boolean)): Promise<RegistryTokenService> {
    const isRight = typeof login === 'string' ? (shown: string) => shown === login : login;
    return new RegistryTokenService(await ToolServer.start('https', undefined, [host]), host, isRight);
  }

  get url(): string {
    return this.#tool.url(this.#host);
  }

  get realm(): string {
    return `${this.url}/token`;
  }

  /** Requests so far. */
  get seen(): readonly SeenRequest[] {
    return this.#tool.seen;
  }

  stop(): Promise<void> {
    return this.#tool.stop();
  }

  /** Undefined for a wrong password. */
  async #answer({ url, headers }: SeenRequest): Promise<object | undefined> {
    const { authorization } = headers;
    const shown = Buffer.from(/^Basic (.*)$/.exec(authorization ?? '')?.[1] ?? '', 'base64').toString();
    if (authorization !== undefined && !this.#isRight(shown)) {
      this.rejected += 1;
      return undefined;
    }
    const scopes = new URL(url, this.url).searchParams.getAll('scope').flatMap((scope) => scope.split(' '));
    const access = scopes.flatMap((scope) => {
      const [type = '', name = '', actions = ''] = scope.split(':');
      const allowed = actions
        .split(',')
        .filter((action) => authorization !== undefined || (name.startsWith('public/') && action === 'pull'));
      return allowed.length === 0 ? [] : [{ type, name, actions: allowed }];
    });
    const der = this.certificate.replaceAll(/-----[A-Z ]+-----|\n/g, '');
    const token = await new SignJWT({ access })
      .setProtectedHeader({ alg: 'ES256', typ: 'JWT', x5c: [der] })
      .setIssuer(this.issuer)
      .setSubject('robot')
      .setAudience(this.service)
      .setJti(randomUUID())
      .setIssuedAt()
      .setNotBefore('-10s')
      .setExpirationTime('5m')
      .sign(createPrivateKey(this.#key));
    return { token, expires_in: this.expiresIn };
  }
}
