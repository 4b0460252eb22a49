import { createServer, request as send, type Server } from 'node:https';
import { pipeline } from 'node:stream';
import { toolAuthority } from '../proxy/tool-server.ts';
import { DockerRegistry } from './docker-registry.ts';

interface HarborOptions {
  /** To be made. */
  readonly directory: string;
  readonly host: string;
  /** It listens at port 443 of this address. */
  readonly address: string;
  /** A robot account. */
  readonly auth: { readonly username: string; readonly password: string };
}

/** Debian's `docker-registry` behind the parts of Harbor's API that its class uses. */
export class Harbor {
  readonly #registry: DockerRegistry;
  readonly #server: Server;

  private constructor(registry: DockerRegistry, server: Server) {
    this.#registry = registry;
    this.#server = server;
  }

  static async start({ address, ...options }: HarborOptions): Promise<Harbor> {
    const { host, auth } = options;
    const registry = await DockerRegistry.start(options);
    const port = Number(registry.address.split(':')[1]);
    const basic = `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}`;
    const { certificate: cert, key } = toolAuthority.issue({ commonName: host, hosts: [host] });
    const server = createServer({ cert, key }, (request, response) => {
      const { url = '', method, headers } = request;
      if (url === '/api/v2.0/ping') return void response.end('Pong');
      if (url === '/api/v2.0/users/current') {
        // A robot account is no user.
        response.writeHead(headers.authorization === basic ? 412 : 401).end();
        return;
      }
      const target = { host: '127.0.0.1', port, path: url, method, headers, servername: host };
      const forwarded = send({ ...target, ca: toolAuthority.certificate }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
        pipeline(answer, response, () => undefined);
      });
      pipeline(request, forwarded, () => undefined);
    });
    await new Promise<void>((resolve) => server.listen(443, address, resolve));
    return new Harbor(registry, server);
  }

  /** Requests to the registry so far, as `METHOD PATH`. */
  get served(): readonly string[] {
    return this.#registry.served;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
    this.#registry.stop();
  }
}
