import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { freePort, untilListening } from './programs.js';

const helper = path.join(import.meta.dirname, 'basic-auth-helper.mjs');

/** A name under which Squid, and nobody else, finds this machine: what reaches it came through the proxy. */
export const proxiedHost = 'tools.test';

/** Squid as a forward proxy that lets through who has a known user and password. */
export class Squid {
  readonly port: number;
  readonly #directory: string;
  readonly #process: ChildProcess;

  private constructor(directory: string, port: number, process: ChildProcess) {
    this.#directory = directory;
    this.port = port;
    this.#process = process;
  }

  /** Why it cannot be run here; undefined when it can. It needs a user of its own. */
  static problem(): string | undefined {
    const users = /^\s*0\s+0\s+(\d+)/.exec(fs.readFileSync('/proc/self/uid_map', 'utf8'))?.[1];
    return Number(users ?? 0) > 65_536
      ? undefined
      : 'this user namespace has no other users, and Squid refuses to be root';
  }

  /** @param directory an existing directory that it may fill, all of whose parents everybody can enter. */
  static async start(directory: string): Promise<Squid> {
    const { uid, gid } = squidUser();
    const port = await freePort();
    fs.copyFileSync(helper, path.join(directory, 'helper.mjs'));
    // This Node may be in a folder that only we can enter.
    fs.copyFileSync(process.execPath, path.join(directory, 'node'), fs.constants.COPYFILE_FICLONE);
    fs.writeFileSync(path.join(directory, 'hosts'), `127.0.0.1 localhost ${proxiedHost}\n`);
    fs.writeFileSync(path.join(directory, 'allowed'), '');
    fs.writeFileSync(path.join(directory, 'squid.conf'), configuration(directory, port));
    for (const name of ['.', ...fs.readdirSync(directory)]) fs.chownSync(path.join(directory, name), uid, gid);
    // Started as the user that it would change to; it refuses to be root.
    const args = ['-N', '-n', serviceName(port), '-f', path.join(directory, 'squid.conf')];
    const squid = new Squid(directory, port, spawn('squid', args, { stdio: 'ignore', uid, gid }));
    try {
      await untilListening(port);
    } catch (error) {
      await squid.stop();
      throw new Error(fs.readFileSync(path.join(directory, 'cache.log'), 'utf8'), { cause: error });
    }
    return squid;
  }

  /** From now on these, and nobody else. @param user as the tools send it: `namespace/name`, several joined by commas. */
  allow(user: string, password: string): void {
    fs.writeFileSync(path.join(this.#directory, 'allowed'), `${user} ${password}\n`);
  }

  /** Requests that were let through so far, as `METHOD URL`. */
  served(): string[] {
    return this.#log()
      .filter((line) => !line.endsWith(' 407'))
      .map((line) => line.split(' ').slice(0, 2).join(' '));
  }

  refusals(): number {
    return this.#log().filter((line) => line.endsWith(' 407')).length;
  }

  async stop(): Promise<void> {
    this.#process.kill('SIGKILL');
    if (this.#process.exitCode === null && this.#process.signalCode === null) await once(this.#process, 'exit');
    for (const name of fs.readdirSync('/dev/shm').filter((entry) => entry.startsWith(`${serviceName(this.port)}-`))) {
      fs.rmSync(path.join('/dev/shm', name));
    }
  }

  #log(): string[] {
    return fs
      .readFileSync(path.join(this.#directory, 'access.log'), 'utf8')
      .split('\n')
      .filter((line) => line !== '');
  }
}

/** Squid names its shared memory after it; one that another Squid left would stop this one. */
function serviceName(port: number): string {
  return `e2e${port}`;
}

function configuration(directory: string, port: number): string {
  return `
http_port 127.0.0.1:${port}
pid_filename none
cache deny all
logformat short %rm %ru %>Hs
access_log stdio:${directory}/access.log short
cache_log ${directory}/cache.log
coredump_dir ${directory}
hosts_file ${directory}/hosts
auth_param basic program ${directory}/node ${directory}/helper.mjs ${directory}/allowed
auth_param basic children 2 startup=1
auth_param basic credentialsttl 1 second
acl known proxy_auth REQUIRED
http_access allow known
http_access deny all
shutdown_lifetime 0 seconds
`;
}

function squidUser(): { readonly uid: number; readonly gid: number } {
  const line = fs
    .readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith('proxy:'));
  const [, , uid, gid] = line?.split(':') ?? [];
  return { uid: Number(uid ?? 65534), gid: Number(gid ?? 65534) };
}
