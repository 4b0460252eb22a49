import { readFileSync } from 'node:fs';
import http from 'node:http';
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import type { Socket } from 'node:net';
import path from 'node:path';
import { certificateBlocks } from '../../shared/pem.ts';
import { proxyLimits } from '../limits.ts';
import { ProxyError } from '../proxy-error.ts';
import type { DirectHosts } from './direct-hosts.ts';
import { toolFailure } from './tool-failure.ts';
import { authorityOf, hostAndPort } from './tool-origin.ts';
import type { ToolOrigin } from './tool-origin.ts';
import type { Trust, TrustStoreCache } from './trust.ts';

interface EgressProxyOptions {
  readonly origin: ToolOrigin;
  readonly isDirect: DirectHosts;
  /** Directory with `username`, `password` and `ca.crt`, each optional. They are read for each connection. */
  readonly directory: string | undefined;
  readonly trustStores: TrustStoreCache;
}

/** The HTTP proxy of the company, through which connections to tools go. It resolves their names. */
export class EgressProxy {
  readonly origin: ToolOrigin;
  readonly isDirect: DirectHosts;
  readonly #directory: string | undefined;
  readonly #trustStores: TrustStoreCache;

  constructor({ origin, isDirect, directory, trustStores }: EgressProxyOptions) {
    this.origin = origin;
    this.isDirect = isDirect;
    this.#directory = directory;
    this.#trustStores = trustStores;
  }

  /**
   * Returns the address that a host is for resolvers, such as `127.0.0.1` for `127.1`; other hosts are returned as they
   * are. @throws {ProxyError} 502 for a host that is none.
   */
  resolvedHost(host: string): string {
    const name = isIP(host) === 6 ? `[${host}]` : host;
    if (URL.canParse(`http://${name}`)) return new URL(`http://${name}`).hostname.replace(/^\[|\]$/g, '');
    throw new ProxyError(502, 'dns', `unknown host: ${host} is neither a name nor an address`);
  }

  /** Returns the trust store for the connection to it; undefined for plain HTTP. @throws {ProxyError} */
  trust(): Trust | undefined {
    if (this.origin.scheme === 'http') return undefined;
    const own = certificateBlocks(this.#read('ca.crt') ?? '');
    return this.#trustStores.getOrCreate(own.length === 0 ? [] : [own]);
  }

  /**
   * Requests a tunnel on a connection that is being opened.
   * @returns the status of the response. After 2xx, the bytes of the connection are those of the tunnel.
   * @throws {ProxyError} 502 or 504 that names the proxy.
   */
  async connect(socket: Socket, host: string, port: number): Promise<number> {
    const target = hostAndPort({ host, port });
    const headers = ['Host', target, ...this.#credentials()];
    const request = http.request({
      createConnection: () => socket,
      ...{ method: 'CONNECT', path: target, headers, setHost: false },
      maxHeaderSize: proxyLimits.headers.bytes,
      insecureHTTPParser: false,
    });
    return new Promise<number>((resolve, reject) => {
      request.once('connect', ({ statusCode = 0 }: IncomingMessage, _: Socket, head: Buffer) => {
        // Tools that send first, as of SSH.
        if (head.length > 0) socket.unshift(head);
        resolve(statusCode);
      });
      const caFix = 'give it to the proxy (proxy.egress.caSecret of the chart)';
      request.once('error', (error) => reject(toolFailure(error, this.name, caFix))).end();
    });
  }

  /** @throws {ProxyError} 502 for a response to CONNECT without a tunnel. */
  ensureTunnel(status: number, host: string, port: number): void {
    if (status >= 200 && status <= 299) return;
    throw new ProxyError(502, 'connect', `${this.name} answered ${status}: ${this.#adviceFor(status, host, port)}`);
  }

  get name(): string {
    return `egress proxy ${authorityOf(this.origin)}`;
  }

  #adviceFor(status: number, host: string, port: number): string {
    const target = hostAndPort({ host, port });
    if (status >= 500) return `it has no connection to ${target}`;
    if (status !== 407) return `permit CONNECT to ${target} there, or add the host to --no-egress-proxy`;
    return this.#credentials().length === 0
      ? 'it requires a user and a password: put them into a Secret (proxy.egress.credentialsSecret of the chart)'
      : 'check the user and the password in the Secret of proxy.egress.credentialsSecret';
  }

  #credentials(): readonly string[] {
    // Without the line feed that editors append.
    const [username, password] = ['username', 'password'].map((name) => this.#read(name)?.replace(/\r?\n$/, ''));
    if (username === undefined) return [];
    if (password === undefined || username.includes(':')) {
      const problem = password === undefined ? 'no password' : 'a user with a ":"';
      throw new ProxyError(502, 'misconfigured', `the Secret with the credentials of ${this.name} has ${problem}`);
    }
    return ['Proxy-Authorization', `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`];
  }

  /** Returns the content of a file; undefined if it does not exist. @throws {ProxyError} */
  #read(name: string): string | undefined {
    if (this.#directory === undefined) return undefined;
    const file = path.join(this.#directory, name);
    try {
      return readFileSync(file, 'utf8');
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return undefined;
      throw new ProxyError(502, 'misconfigured', `the file ${file} for ${this.name} cannot be read (${code})`);
    }
  }
}
