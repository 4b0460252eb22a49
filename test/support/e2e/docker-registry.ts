import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { hashSync } from 'bcryptjs';
import { toolAuthority } from '../proxy/tool-server.ts';
import { freePort, untilListening } from './programs.ts';
import type { RegistryTokenService } from './registry-token-service.ts';

interface DockerRegistryOptions {
  /** To be made. */
  readonly directory: string;
  readonly host: string;
  /** Other names of it. */
  readonly aliases?: readonly string[];
  /** At port 443 of this address; a free port of the usual one unless given. */
  readonly address?: string;
  /** Who may do anything, by password or by token; undefined: everybody. */
  /** CA of the certificates that clients must have; they need none unless given. */
  readonly clientCa?: string;
  readonly auth?: { readonly username: string; readonly password: string } | RegistryTokenService;
}

/** Debian's `docker-registry` behind TLS, with a certificate of the tools' CA. */
export class DockerRegistry {
  readonly #run: () => Promise<ChildProcess>;
  readonly #logFile: string;
  #process: ChildProcess | undefined;
  /** `host:port`, or `host` at port 443. */
  readonly address: string;

  private constructor(run: () => Promise<ChildProcess>, address: string, logFile: string) {
    this.#run = run;
    this.address = address;
    this.#logFile = logFile;
  }

  static async start({
    directory,
    host,
    aliases = [],
    address,
    clientCa,
    auth,
  }: DockerRegistryOptions): Promise<DockerRegistry> {
    mkdirSync(directory);
    const port = address === undefined ? await freePort() : 443;
    const file = (name: string, content: string): string => {
      const place = path.join(directory, name);
      writeFileSync(place, content);
      return place;
    };
    const { certificate, key } = toolAuthority.issue({ commonName: host, hosts: [host, ...aliases] });
    const configuration = {
      version: 0.1,
      log: { accesslog: { disabled: false }, level: 'error' },
      storage: { filesystem: { rootdirectory: path.join(directory, 'blobs') } },
      http: {
        addr: `${address ?? '127.0.0.1'}:${port}`,
        secret: 'test',
        tls: {
          ...{ certificate: file('tls.crt', certificate), key: file('tls.key', key) },
          ...(clientCa === undefined ? {} : { clientcas: [file('client-ca.crt', clientCa)] }),
        },
      },
      ...(auth === undefined ? {} : { auth: authOf(auth, file) }),
    };
    const logFile = path.join(directory, 'log');
    const shell = 'exec docker-registry serve "$0" >>"$1" 2>&1';
    const args = ['-c', shell, file('registry.json', JSON.stringify(configuration)), logFile];
    const run = async (): Promise<ChildProcess> => {
      const process = spawn('sh', args, { stdio: 'ignore' });
      await untilListening(port, address);
      return process;
    };
    const registry = new DockerRegistry(run, address === undefined ? `${host}:${port}` : host, logFile);
    await registry.goOn();
    return registry;
  }

  /** Starts it, again after `stop`, with what it holds. */
  async goOn(): Promise<void> {
    this.#process = await this.#run();
  }

  get url(): string {
    return `https://${this.address}`;
  }

  /** Requests so far, as `METHOD PATH`. */
  get served(): readonly string[] {
    const requests = readFileSync(this.#logFile, 'utf8').matchAll(/"(\S+) (\S+) HTTP\/1\.1" 2\d\d/g);
    return [...requests].map(([, method, where]) => `${method} ${where}`);
  }

  stop(): void {
    this.#process?.kill('SIGKILL');
  }
}

/** The least that bcrypt takes: the registry asks it with every request. */
const bcryptRounds = 4;

function authOf(
  auth: NonNullable<DockerRegistryOptions['auth']>,
  file: (name: string, content: string) => string,
): object {
  if ('password' in auth) {
    const line = `${auth.username}:${hashSync(auth.password, bcryptRounds)}\n`;
    return { htpasswd: { realm: 'registry', path: file('htpasswd', line) } };
  }
  const { realm, service, issuer, certificate } = auth;
  return { token: { realm, service, issuer, rootcertbundle: file('tokens.crt', certificate) } };
}
