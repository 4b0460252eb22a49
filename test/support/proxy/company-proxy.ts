import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { hashSync } from 'bcryptjs';
import { eventually } from '../poll.ts';
import { freePort, untilListening } from '../e2e/programs.ts';
import { toolAuthority } from './tool-server.ts';

/** Squid refuses to be root: this process's user is Debian's `proxy` in a namespace of its own. */
const asProxy = ['--user', '--map-user=13', '--map-group=13', '--'];

export interface CompanyProxyOptions {
  readonly scheme?: 'http' | 'https';
  /** Who may use it; everybody unless given. */
  readonly login?: { readonly username: string; readonly password: string };
  /** The only names that it resolves, to 127.0.0.1. */
  readonly names?: readonly string[];
  /** Ports that it refuses to connect to. */
  readonly deniedPorts?: readonly number[];
}

/** Debian's Squid as the HTTP proxy of a company, with the certificate of the tools' CA for `egress.example`. */
export class CompanyProxy {
  readonly url: string;
  readonly port: number;
  readonly #directory: string;
  readonly #process: ChildProcess;

  private constructor(url: string, port: number, directory: string, process: ChildProcess) {
    this.url = url;
    this.port = port;
    this.#directory = directory;
    this.#process = process;
  }

  static async start(options: CompanyProxyOptions = {}): Promise<CompanyProxy> {
    const { scheme = 'http', login, names = ['tool.example'], deniedPorts = [] } = options;
    const directory = mkdtempSync(path.join(tmpdir(), 'company-proxy-'));
    const at = (name: string): string => path.join(directory, name);
    const port = await freePort();
    const { certificate, key } = toolAuthority.issue({ commonName: 'egress', hosts: ['egress.example'] });
    writeFileSync(at('tls.pem'), `${certificate}${key}`);
    writeFileSync(at('hosts'), `127.0.0.1 localhost ${names.join(' ')}\n`);
    if (login !== undefined) writeFileSync(at('users'), `${login.username}:${hashSync(login.password, 4)}\n`);
    const listening = scheme === 'http' ? 'http_port' : `https_port`;
    const lines = [
      `${listening} 127.0.0.1:${port}${scheme === 'http' ? '' : ` tls-cert=${at('tls.pem')}`}`,
      ...['pid_filename none', 'cache deny all', 'shutdown_lifetime 0 seconds', `coredump_dir ${directory}`],
      ...['logformat asked %rm %ru %>Hs %un', `access_log stdio:${at('access.log')} logformat=asked`],
      ...[`cache_log ${at('cache.log')}`, 'logfile_rotate 0', 'buffered_logs off'],
      ...[`hosts_file ${at('hosts')}`, 'dns_nameservers 127.0.0.1', 'dns_timeout 1 seconds'],
      ...(login === undefined
        ? ['acl known src all']
        : [
            `auth_param basic program /usr/lib/squid/basic_ncsa_auth ${at('users')}`,
            ...['auth_param basic children 1 startup=1', 'acl known proxy_auth REQUIRED'],
          ]),
      ...deniedPorts.map((denied) => `acl denied port ${denied}`),
      ...(deniedPorts.length === 0 ? [] : ['http_access deny denied']),
      ...['http_access allow known', 'http_access deny all', ''],
    ];
    writeFileSync(at('squid.conf'), lines.join('\n'));
    const words = [...asProxy, 'squid', '-N', '-n', `egress${port}`, '-f', at('squid.conf')];
    const squid = spawn('unshare', words, { stdio: ['ignore', 'ignore', 'pipe'] });
    let errors = '';
    squid.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    const ended = once(squid, 'exit').then(() => {
      throw new Error(`squid has ended: ${errors}`);
    });
    await Promise.race([untilListening(port), ended]);
    ended.catch(() => undefined);
    return new CompanyProxy(`${scheme}://egress.example:${port}`, port, directory, squid);
  }

  /** The tunnels that it was asked for, once they have ended: method, target, status and user. */
  get asked(): readonly string[] {
    return readFileSync(path.join(this.#directory, 'access.log'), 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('CONNECT '));
  }

  async stop(): Promise<void> {
    const { exitCode, signalCode } = this.#process;
    if (exitCode === null && signalCode === null) {
      const ended = once(this.#process, 'exit');
      this.#process.kill('SIGKILL');
      await ended;
    }
    await eventually('its directory is gone', () => {
      rmSync(this.#directory, { recursive: true, force: true });
      return true;
    });
  }
}
