import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { eventually } from '../poll.ts';
import { hostNames, namesOf } from './host-names.ts';
import type { HostTable } from './host-names.ts';

const builtMain = path.join(import.meta.dirname, '..', '..', '..', 'dist', 'main.js');

export interface ProxyProcessOptions {
  /** An existing directory that it may fill. */
  readonly directory: string;
  /** Names that it alone finds; all are this machine. */
  readonly hosts: readonly string[];
  /** Further ones, elsewhere on the loopback interface. */
  readonly otherHosts?: HostTable;
  /** The address of a name server, for all other names; the machine's unless given. */
  readonly nameServer?: string;
  /** Where it listens, `HOST:PORT`; a free port unless given. */
  readonly address?: string;
  /** Of `proxy`, besides where it listens and which addresses it connects to. */
  readonly flags: readonly string[];
  /** Of its environment, besides this process's. */
  readonly env?: Readonly<Record<string, string>>;
  /** Words that make the program after them begin somewhere, such as in a cgroup. */
  readonly entering?: readonly string[];
  /** Its program; that of this tree unless given. */
  readonly main?: string;
}

/** The built proxy in a process and a mount namespace of its own. */
export class ProxyProcess {
  readonly #child: ChildProcess;
  log = '';
  port = 0;
  /** With `--tls-address`; otherwise 0. */
  tlsPort = 0;

  private constructor(options: ProxyProcessOptions) {
    const { directory, hosts, otherHosts, nameServer, address = '127.0.0.1:0', flags, env } = options;
    const { entering = [], main = builtMain } = options;
    const table = { '127.0.0.1': ['localhost', ...hosts], ...otherHosts };
    const [program = '', ...words] = [
      ...entering,
      ...hostNames(path.join(directory, 'hosts'), table),
      ...(nameServer === undefined ? [] : namesOf(nameServer, path.join(directory, 'resolv.conf'))),
    ];
    this.#child = spawn(
      program,
      [
        ...words,
        ...[process.execPath, main, 'proxy', '--proxy-address', address, '--http-address', ''],
        // The test API server is at 127.0.0.1 as well, and so refused unless its very address is allowed.
        ...['--allow-upstream-cidrs', '127.0.0.0/8,127.0.0.1/32', '--shutdown-delay', '0s', '--drain-timeout', '0s'],
        ...flags,
      ],
      { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...env } },
    );
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.log += text));
  }

  /** Starts it and waits until it listens. */
  static async start(options: ProxyProcessOptions): Promise<ProxyProcess> {
    const proxy = new ProxyProcess(options);
    try {
      await eventually(
        'the proxy listens',
        () => {
          const [, port, tlsPort] = /"port":(\d+),(?:"tlsPort":(\d+),)?"msg":"Listening"/.exec(proxy.log) ?? [];
          proxy.port = Number(port ?? 0);
          proxy.tlsPort = Number(tlsPort ?? 0);
          return proxy.port !== 0 || proxy.hasEnded;
        },
        60_000,
      );
      if (proxy.hasEnded) throw new Error('the proxy has ended');
    } catch (error) {
      proxy.signal('SIGKILL');
      throw new Error(`the proxy did not start: ${proxy.log}`, { cause: error });
    }
    return proxy;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Null unless it has ended by itself. */
  get exitCode(): number | null {
    return this.#child.exitCode;
  }

  /** The lines about requests, parsed. */
  get requests(): readonly Record<string, unknown>[] {
    return this.log
      .split('\n')
      .filter((line) => line.includes('"msg":"Request finished"'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** The most memory that it has had so far, MiB. */
  get peakMib(): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
  }

  /** CPU time so far, in ticks of the kernel. */
  get cpuTicks(): number {
    const [, fields = ''] = /\) (.*)$/s.exec(readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8')) ?? [];
    const [user = 0, system = 0] = fields.split(' ').slice(11, 13).map(Number);
    return user + system;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async stop(): Promise<void> {
    this.signal('SIGTERM');
    if (!this.hasEnded) await once(this.#child, 'exit');
  }
}
