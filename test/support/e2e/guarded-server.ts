import type { IncomingMessage, ServerResponse } from 'node:http';
import https from 'node:https';
import { ToolServer, toolAuthority } from '../proxy/tool-server.ts';
import type { DockerRegistry } from './docker-registry.ts';

interface GuardedServerOptions {
  readonly host: string;
  /** Whether a request with this `Authorization` is served. Others get 401. */
  readonly accepts: (authorization: string) => boolean;
  readonly serve: (request: IncomingMessage, response: ServerResponse) => void;
  /** `WWW-Authenticate` of the 401. */
  readonly challenge?: string;
}

/** A gateway behind TLS, which checks the credential of requests before it serves them. */
export class GuardedServer {
  readonly #tool: ToolServer;
  readonly #host: string;
  /** Requests with a credential that was not accepted. */
  rejected = 0;

  private constructor(tool: ToolServer, { host, accepts, serve, challenge = 'Bearer' }: GuardedServerOptions) {
    this.#tool = tool;
    this.#host = host;
    tool.answer = (request, response) => {
      const { authorization } = request.headers;
      if (authorization !== undefined && accepts(authorization)) {
        serve(request, response);
        return;
      }
      if (authorization !== undefined) this.rejected += 1;
      response.writeHead(401, { 'WWW-Authenticate': challenge }).end();
    };
  }

  static async start(options: GuardedServerOptions): Promise<GuardedServer> {
    return new GuardedServer(await ToolServer.start('https', undefined, [options.host]), options);
  }

  /** `host:port`. */
  get address(): string {
    return `${this.#host}:${this.#tool.port}`;
  }

  get url(): string {
    return this.#tool.url(this.#host);
  }

  stop(): Promise<void> {
    return this.#tool.stop();
  }
}

/** Returns what passes requests on to a registry, which sees the name that the client has used. */
export function registryBehind({ url }: DockerRegistry): GuardedServerOptions['serve'] {
  const { hostname, port } = new URL(url);
  return (request, response) => {
    const { method, url: path, headers } = request;
    const options = { host: '127.0.0.1', port, servername: hostname, ca: toolAuthority.certificate, agent: false };
    const passed = https.request({ ...options, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      answer.pipe(response);
    });
    passed.on('error', () => response.destroy());
    request.pipe(passed);
  };
}

/** Whether a header has a valid token. */
export function acceptsBearer(isValid: (token: string) => boolean): GuardedServerOptions['accepts'] {
  return (authorization) => isValid(/^Bearer (.+)$/.exec(authorization)?.[1] ?? '');
}

/** Whether a header has a valid password of a user. */
export function acceptsBasic(user: string, isValid: (password: string) => boolean): GuardedServerOptions['accepts'] {
  return (authorization) => {
    const login = Buffer.from(/^Basic (.+)$/.exec(authorization)?.[1] ?? '', 'base64').toString();
    return login.startsWith(`${user}:`) && isValid(login.slice(user.length + 1));
  };
}
