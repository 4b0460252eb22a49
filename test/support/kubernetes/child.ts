import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { programPath } from './installed.ts';

const lastLines = 5;

/** A program that ends with this process, however that ends: the kernel kills it. Its output is in `folder/NAME.log`. */
export class Child {
  readonly #process: ChildProcess;
  readonly #log: string;

  constructor(folder: string, name: string, args: readonly string[]) {
    this.#log = path.join(folder, `${name}.log`);
    const output = openSync(this.#log, 'w');
    const words = ['--pdeathsig', 'KILL', programPath(name) ?? name, ...args];
    this.#process = spawn('setpriv', words, { cwd: folder, stdio: ['ignore', output, output] });
    closeSync(output);
  }

  get id(): number {
    return this.#process.pid ?? 0;
  }

  get hasEnded(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  /** The end of its output. */
  get lastOutput(): string {
    return readFileSync(this.#log, 'utf8').trimEnd().split('\n').slice(-lastLines).join('\n');
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process.kill(signal);
  }

  async kill(): Promise<void> {
    if (this.hasEnded) return;
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await ended;
  }
}
