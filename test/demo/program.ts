import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

const startTimeoutMs = 20_000;

/** A long-running command of this program, as a process of its own. */
export class Program {
  readonly #name: string;
  readonly #process: ChildProcess;
  /** The process's log, from standard error. */
  log = '';

  /**
   * @param name in messages.
   * @param onLine called with each line of the log.
   */
  constructor(name: string, [program, ...words]: readonly [string, ...string[]], onLine: (line: string) => void) {
    this.#name = name;
    const child = spawn(program, words, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#process = child;
    child.on('error', (error) => onLine(`${program}: ${error.message}`));
    createInterface({ input: child.stderr }).on('line', (line) => {
      this.log += `${line}\n`;
      onLine(line);
    });
  }

  /**
   * Waits until `look` returns a value. @throws {Error} if the program ends first, or takes too long.
   */
  async until<T>(look: () => Promise<T | undefined> | T | undefined): Promise<T> {
    const deadlineMs = performance.now() + startTimeoutMs;
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      if (this.#hasEnded || performance.now() > deadlineMs) {
        throw new Error(`the ${this.#name} did not become ready; its messages are above`);
      }
      await delay(20);
    }
  }

  async stop(): Promise<void> {
    this.#process.kill('SIGTERM');
    if (!this.#hasEnded) await new Promise((resolve) => this.#process.once('exit', resolve));
  }

  get #hasEnded(): boolean {
    const { pid, exitCode, signalCode } = this.#process;
    return pid === undefined || exitCode !== null || signalCode !== null;
  }
}
