import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { sleep } from '../shared/abortable.ts';
import { CodedError } from '../shared/errors.ts';
import { backoffMs } from '../shared/limits/backoff.ts';
import type { Log } from '../shared/log.ts';
import { certificateBlocks } from '../shared/pem.ts';
import type { Applied } from './apply-files.ts';
import { installFiles, uninstallFiles } from './apply-files.ts';
import type { ImagePullsConfig } from './flags.ts';
import { nodeFilesOf } from './node-files.ts';

type Task = 'install' | 'uninstall';

interface NodeAgentOptions {
  readonly task: Task;
  readonly config: ImagePullsConfig;
  /** Resolves a name to IP addresses. */
  readonly lookUp: (host: string) => Promise<readonly string[]>;
  readonly log: Log;
  /** Longest delay after the first failed attempt, which tests shorten. */
  readonly retryMs?: number;
}

const defaultRetryMs = 1_000;
const longestRetryMs = 60_000;

/** Keeps the files of one node in place, or keeps them away. */
export class NodeAgent {
  readonly #options: NodeAgentOptions;
  #problems: readonly CodedError[] = [new CodedError('UNAVAILABLE', 'the files have not been checked yet')];
  #logged = '';

  constructor(options: NodeAgentOptions) {
    this.#options = options;
  }

  /** Returns why the files are not as they should be; undefined if they are. */
  notReadyReason(): string | undefined {
    return this.#problems.length === 0 ? undefined : this.#problems.map(({ message }) => message).join('; ');
  }

  /** Checks the files until the signal aborts. After a failure it tries again, with a growing delay. */
  async run(signal: AbortSignal): Promise<void> {
    const { config, retryMs = defaultRetryMs } = this.#options;
    let failures = 0;
    while (!signal.aborted) {
      failures = (await this.attempt()) ? 0 : failures + 1;
      const delayMs = failures === 0 ? config.interval : backoffMs(failures, retryMs, longestRetryMs, Math.random);
      await sleep(delayMs, signal).catch(() => undefined);
    }
  }

  /** Checks the files once. @returns whether they are as they should be. */
  async attempt(): Promise<boolean> {
    const { task } = this.#options;
    const { changed, problems } = task === 'install' ? await this.#install() : this.#uninstall();
    this.#problems = problems;
    this.#report(changed);
    return problems.length === 0;
  }

  async #install(): Promise<Applied> {
    const { config } = this.#options;
    const problems: CodedError[] = [];
    const orProblem = async <T>(read: () => T | Promise<T>): Promise<T | undefined> => {
      try {
        return await read();
      } catch (error) {
        if (!(error instanceof CodedError)) throw error;
        problems.push(error);
        return undefined;
      }
    };
    const ca = await orProblem(() => readCa(config['ca-file']));
    const address = await orProblem(() => this.#address());
    const applied = installFiles(nodeFilesOf(config, { address, ca }));
    return { changed: applied.changed, problems: [...applied.problems, ...problems] };
  }

  #uninstall(): Applied {
    return uninstallFiles(nodeFilesOf(this.#options.config, { address: undefined, ca: undefined }));
  }

  /** @throws {CodedError} if the name cannot be resolved. */
  async #address(): Promise<string> {
    const { config, lookUp } = this.#options;
    const host = config['proxy-host'];
    if (isIP(host) !== 0) return host;
    const found = await lookUp(host).catch((cause: unknown) => {
      const { code = 'unknown error' } = cause as NodeJS.ErrnoException;
      const fix = 'is there a Service of the proxy, and does this pod use the DNS of the cluster?';
      throw new CodedError('UNAVAILABLE', `cannot resolve --proxy-host ${host}: ${code}: ${fix}`, { cause });
    });
    // IPv4 first, and always the same one.
    const [first] = [...found].sort((a, b) => isIP(a) - isIP(b) || (a < b ? -1 : 1));
    if (first === undefined)
      throw new CodedError('UNAVAILABLE', `--proxy-host ${host} has no address: create its Service`);
    return first;
  }

  /** Logs changes, and a problem when it comes and when it has gone. */
  #report(changed: readonly string[]): void {
    const { task, log } = this.#options;
    for (const path of changed)
      log.info(task === 'install' ? 'Wrote file of the node' : 'Removed file of the node', { path });
    const reason = this.notReadyReason() ?? '';
    if (reason === this.#logged) return;
    this.#logged = reason;
    if (reason === '') log.info('Files of the node are current');
    for (const error of this.#problems) log.warn(`Failed to ${task} files of the node`, { error });
  }
}

/** @throws {CodedError} if the file has no certificate of a CA. */
function readCa(file: string): string {
  const fix = 'set --publish-ca-config-map at the proxy, and mount the ConfigMap connectors-proxy-ca';
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    const { code = 'unknown error' } = cause as NodeJS.ErrnoException;
    throw new CodedError('UNAVAILABLE', `cannot read --ca-file ${file}: ${code}: ${fix}`, { cause });
  }
  const blocks = certificateBlocks(text);
  if (blocks.length === 0 || !blocks.every(isCa)) {
    throw new CodedError('FAILED_PRECONDITION', `--ca-file ${file} is not a bundle of CA certificates in PEM: ${fix}`);
  }
  return blocks.map((block) => `${block}\n`).join('');
}

function isCa(pem: string): boolean {
  try {
    return new X509Certificate(pem).ca;
  } catch {
    return false;
  }
}
