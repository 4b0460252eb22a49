import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { eventually } from '../poll.ts';
import { portOfLog } from '../log-lines.ts';

const main = path.join(import.meta.dirname, '..', '..', '..', 'dist', 'main.js');

/** `image-pulls` of the built program, as in the DaemonSet. */
export class InstallerProcess {
  readonly #child: ChildProcess;
  readonly exited: Promise<number | null>;
  log = '';

  /** @param flags with all three directories. */
  constructor(task: string, flags: readonly string[]) {
    const words = [main, 'image-pulls', task, '--http-address', '127.0.0.1:0', '--interval', '100ms', ...flags];
    this.#child = spawn(process.execPath, words, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.log += text));
    this.exited = once(this.#child, 'close').then(([status]) => status as number | null);
  }

  /** The answer of `/readyz`: its status and text. */
  async readiness(): Promise<string> {
    await eventually('it listens', () => portOfLog(this.log) > 0);
    const response = await fetch(`http://127.0.0.1:${portOfLog(this.log)}/readyz`);
    return `${response.status} ${(await response.text()).trim()}`;
  }

  async untilReady(): Promise<void> {
    await eventually('it is ready', async () => (await this.readiness()) === '200 ok');
  }

  /** @returns the exit status. */
  async stop(): Promise<number | null> {
    this.#child.kill('SIGTERM');
    return this.exited;
  }
}
