import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { limits } from '../../../src/shared/limits/defaults.ts';
import { eventually } from '../poll.ts';
import { assertNoToken } from './canary.ts';
import { KubeletClient } from './kubelet-client.ts';
import type { NodeSandbox } from './node-sandbox.ts';

const main = path.join(import.meta.dirname, '..', '..', '..', 'dist', 'main.js');

interface Exit {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The built driver in a process of its own. */
export class DriverProcess {
  readonly kubelet: KubeletClient;
  readonly #child: ChildProcess;
  readonly exited: Promise<Exit>;
  /** When the metrics were last asked for; they stay as they are for a second. */
  #metricsAtMs = -Infinity;
  #stdout = '';
  #stderr = '';

  /**
   * Starts without waiting.
   * @param flags further flags of `serve`; the last of a kind counts.
   * @param through words of a program that becomes the one that it is given, such as setpriv.
   * @param program in place of dist/main.js and this Node.
   */
  constructor(
    node: Pick<NodeSandbox, 'flags' | 'socketPath'>,
    flags: readonly string[] = [],
    env: NodeJS.ProcessEnv = {},
    through: readonly string[] = [],
    program: readonly string[] = [process.execPath, main],
  ) {
    const words = [...through, ...program, 'serve', ...node.flags, '--log-level', 'debug', ...flags];
    this.#child = spawn(words[0] ?? '', words.slice(1), {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.#stdout += text));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text));
    this.exited = new Promise((resolve) => {
      this.#child.once('close', (status, signal) => resolve({ status, signal }));
    });
    this.kubelet = new KubeletClient(node.socketPath);
  }

  /** Starts a driver and waits until it is ready. */
  static async start(
    node: Pick<NodeSandbox, 'flags' | 'socketPath'>,
    flags: readonly string[] = [],
  ): Promise<DriverProcess> {
    const driver = new DriverProcess(node, flags);
    try {
      await driver.kubelet.untilReady();
    } catch (error) {
      driver.kill();
      throw new Error(`the driver did not start: ${driver.stderr}`, { cause: error });
    }
    return driver;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** The log as far as it has been read: what belongs to a call that has its answer may still come. */
  logLines(): Record<string, unknown>[] {
    return this.#stderr
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  async untilLogged(message: string | RegExp): Promise<void> {
    const isLogged = (): boolean =>
      this.logLines().some(({ msg }) =>
        typeof message === 'string' ? msg === message : typeof msg === 'string' && message.test(msg),
      );
    await eventually(`the log says ${String(message)}`, isLogged);
  }

  /** Waits until what `select` takes of the lines of the log is as expected; undefined leaves a line out. */
  async untilLogIs<T>(
    select: (line: Readonly<Record<string, unknown>>) => T | undefined,
    expected: readonly T[],
  ): Promise<void> {
    const selected = (): T[] => this.logLines().flatMap((line) => select(line) ?? []);
    await eventually('', () => selected().length >= expected.length).catch(() => undefined);
    assert.deepEqual(selected(), expected);
  }

  /** GETs a path of the HTTP address, which must be one with a port of 0. */
  async http(where: string): Promise<{ readonly status: number; readonly body: string }> {
    const ofPort = (): Record<string, unknown> | undefined =>
      this.logLines().find((line) => typeof line['port'] === 'number');
    await eventually('the log tells the port', () => ofPort() !== undefined);
    const port = ofPort()?.['port'];
    // A text of metrics is made once in a while: the one wanted is made after this call.
    const restedMs = this.#metricsAtMs + limits.healthPort.metricsMs + 10 - performance.now();
    if (where === '/metrics' && restedMs > 0) await delay(restedMs);
    const response = await fetch(`http://127.0.0.1:${String(port)}${where}`);
    if (where === '/metrics') this.#metricsAtMs = performance.now();
    return { status: response.status, body: await response.text() };
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** Ends it as Kubernetes does, and asserts that it printed no token all its life. */
  async stop(): Promise<Exit> {
    this.signal('SIGTERM');
    const exit = await this.exited;
    this.assertNoToken();
    return exit;
  }

  async killed(): Promise<void> {
    this.kill();
    await this.exited;
    this.assertNoToken();
  }

  assertNoToken(): void {
    assertNoToken(this.#stderr, "the driver's standard error");
    assertNoToken(this.#stdout, "the driver's standard output");
  }
}
