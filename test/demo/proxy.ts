import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Program } from './program.js';
import { registryHost } from './registry.js';

/** Replaces /etc/hosts in a mount namespace, and only there; then executes the program. */
const withHosts = 'mount --bind "$1" /etc/hosts && shift && exec "$@"';

export interface DemoProxyOptions {
  /** An existing directory for the proxy's files. */
  readonly directory: string;
  readonly manifests: string;
  /** JSON Web Key Set. */
  readonly jwks: string;
  /** Command line that starts this program. */
  readonly self: readonly [string, ...string[]];
  readonly onLog: (text: string) => void;
}

/** The Connectors proxy as a process of its own, the only one on the machine that can resolve the demo's registry. */
export class Proxy {
  readonly #program: Program;
  /** CA certificate in PEM. */
  readonly ca: string;
  readonly port: number;

  private constructor(program: Program, ca: string, port: number) {
    this.#program = program;
    this.ca = ca;
    this.port = port;
  }

  static async start({ directory, manifests, jwks, self, onLog }: DemoProxyOptions): Promise<Proxy> {
    const inDirectory = (name: string): string => path.join(directory, name);
    mkdirSync(inDirectory('ca'));
    writeFileSync(inDirectory('hosts'), `127.0.0.1 localhost ${registryHost}\n`);
    writeFileSync(inDirectory('jwks.json'), jwks);
    const flags = [
      ...['--connector-source', 'directory', '--manifests', manifests, '--jwks-file', inDirectory('jwks.json')],
      ...['--ca-dir', inDirectory('ca'), '--proxy-address', '127.0.0.1:0', '--http-address', ''],
      ...['--allow-upstream-cidrs', '127.0.0.1/32', '--shutdown-delay', '0s', '--drain-timeout', '0s'],
    ];
    const words = ['--mount', '--propagation', 'private', '--', 'sh', '-c', withHosts, 'sh', inDirectory('hosts')];
    const program = new Program('proxy', ['unshare', ...words, ...self, 'proxy', ...flags], (line) => {
      // Request logs, and the warning that there is no cluster, which holds for every demo.
      if (!/^\{"level":"(?:info|warn)"/.test(line)) onLog(`${line}\n`);
    });
    try {
      const port = await program.until(() => /"port":(\d+),"msg":"Listening"/.exec(program.log)?.[1]);
      return new Proxy(program, readFileSync(path.join(directory, 'ca', 'tls.crt'), 'utf8'), Number(port));
    } catch (error) {
      await program.stop();
      throw error;
    }
  }

  get log(): string {
    return this.#program.log;
  }

  stop(): Promise<void> {
    return this.#program.stop();
  }
}
