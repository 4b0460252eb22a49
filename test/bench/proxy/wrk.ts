import { execFile, spawnSync } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { hostNames } from '../../support/e2e/host-names.ts';
import type { Way } from './tunnel-client.ts';

/** What wrk measured in one run, milliseconds. */
interface WrkReport {
  readonly seconds: number;
  readonly requests: number;
  readonly bytes: number;
  readonly p50: number;
  readonly p99: number;
}

interface WrkLoad {
  readonly clients: number;
  readonly seconds: number;
  readonly path: string;
  /** Each request on a connection of its own. */
  readonly isFresh?: boolean;
  /** Requests that may fail; none by default. */
  readonly failures?: number;
}

const run = promisify(execFile);

/** The load generator `wrk`, with a library that opens its connections through a proxy. */
export class Wrk {
  readonly #directory: string;
  readonly #library: string;

  /** @param directory that it can fill. @throws {Error} if gcc does not compile the library. */
  constructor(directory: string) {
    this.#directory = directory;
    this.#library = path.join(directory, 'connect-tunnel.so');
    const source = path.join(import.meta.dirname, 'connect-tunnel.c');
    const { status, error, stderr } = spawnSync(
      'gcc',
      ['-O2', '-Wall', '-Werror', '-shared', '-fPIC', '-o', this.#library, source, '-ldl'],
      { encoding: 'utf8' },
    );
    if (status !== 0) throw new Error(`gcc: ${error?.message ?? stderr}`);
  }

  /**
   * Runs a load.
   * @throws {Error} if more requests fail than may, or nothing arrives.
   */
  async run({ host, port, proxy }: Way, load: WrkLoad): Promise<WrkReport> {
    const { clients, seconds, path: wanted, isFresh = false, failures = 0 } = load;
    const names = hostNames(path.join(this.#directory, 'wrk-hosts'), { '127.0.0.1': ['localhost', host] });
    const [program, ...words] = [
      ...names,
      ...(proxy === undefined ? [] : ['env', `LD_PRELOAD=${this.#library}`]),
      ...['wrk', '-t1', `-c${clients}`, `-d${seconds}s`, '--timeout', '60s'],
      ...['-s', path.join(import.meta.dirname, 'wrk-report.lua')],
      ...(isFresh ? ['-H', 'Connection: close'] : []),
      `https://${host}:${port}${wanted}`,
    ];
    const authority = `${host}:${port}`;
    const login = Buffer.from(proxy?.login ?? '').toString('base64');
    const env = {
      ...process.env,
      TUNNEL_TOOL_PORT: String(port),
      TUNNEL_PROXY_PORT: String(proxy?.port),
      TUNNEL_REQUEST: `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\nProxy-Authorization: Basic ${login}\r\n\r\n`,
    };
    const { stdout, stderr } = await run(program, words, { env });
    const report = JSON.parse(/^\{.*\}$/m.exec(stdout)?.[0] ?? '{}') as WrkReport & { readonly failed?: number };
    if ((report.failed ?? Infinity) > failures || report.bytes === 0)
      throw new Error(`wrk: requests failed: ${stdout}${stderr}`);
    return report;
  }
}
