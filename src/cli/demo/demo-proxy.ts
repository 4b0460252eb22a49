import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { DemoProgram } from './demo-program.js';
import { registryHost } from './demo-registry.js';

/** Makes a table of host names count in a mount namespace, and there alone; then becomes the program. */
const withHosts = 'mount --bind "$1" /etc/hosts && shift && exec "$@"';

export interface DemoProxyOptions {
  /** An existing directory that it may fill. */
  readonly directory: string;
  readonly manifests: string;
  /** JSON Web Key Set. */
  readonly jwks: string;
  /** The words that start this program. */
  readonly self: readonly [string, ...string[]];
  readonly tell: (text: string) => void;
}

/** The Connectors proxy as a process of its own, the only one on the machine that finds the demo's registry. */
export class DemoProxy {
  readonly #program: DemoProgram;
  /** Of its CA, PEM. */
  readonly ca: string;
  readonly port: number;

  private constructor(program: DemoProgram, ca: string, port: number) {
    this.#program = program;
    this.ca = ca;
    this.port = port;
  }

  static async start({ directory, manifests, jwks, self, tell }: DemoProxyOptions): Promise<DemoProxy> {
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
    const program = new DemoProgram('proxy', ['unshare', ...words, ...self, 'proxy', ...flags], (line) => {
      // Requests, and that no cluster stands behind it, which is what a demo is.
      if (!/^\{"level":"(?:info|warn)"/.test(line)) tell(`${line}\n`);
    });
    try {
      const port = await program.until(() => /"port":(\d+),"msg":"Listening"/.exec(program.log)?.[1]);
      return new DemoProxy(program, readFileSync(path.join(directory, 'ca', 'tls.crt'), 'utf8'), Number(port));
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
