import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { HoardedFiles, LoadCommand, LoadPod, LoadReport, LoadTiming } from './load-messages.ts';

const program = path.join(import.meta.dirname, 'load-program.ts');

/** The kubelet's own back-off and its usual republish. */
const kubeletTiming: LoadTiming = {
  republishMs: 60_000,
  callTimeoutMs: 120_000,
  firstBackoffMs: 500,
  maxBackoffMs: 122_000,
};

/** Pods with their volumes, played by a process of their own as a kubelet plays them. */
export class LoadGenerator {
  readonly #child: ChildProcess;
  #calls = 0;

  constructor() {
    this.#child = fork(program, { execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  }

  /** Begins to publish all volumes at once, and again and again. */
  run(
    node: { readonly kubeletDir: string; readonly socketPath: string },
    pods: readonly LoadPod[],
    timing: LoadTiming = kubeletTiming,
  ): Promise<LoadReport> {
    const { kubeletDir, socketPath } = node;
    return this.#tell({ kind: 'run', kubeletDir, socketPath, pods, timing });
  }

  /** Begins to keep replaced files open. */
  hoard(node: { readonly kubeletDir: string; readonly socketPath: string }, files: HoardedFiles): Promise<LoadReport> {
    const { kubeletDir, socketPath } = node;
    return this.#tell({ kind: 'hoard', kubeletDir, socketPath, files });
  }

  report(): Promise<LoadReport> {
    return this.#tell({ kind: 'report' });
  }

  /** Cuts its calls off, as the end of a kubelet does. */
  stop(): Promise<LoadReport> {
    return this.#tell({ kind: 'stop' });
  }

  /** Ends the pods: their volumes are unpublished until that succeeds. */
  tearDown(): Promise<LoadReport> {
    return this.#tell({ kind: 'tear-down' });
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }

  #tell(command: LoadCommand): Promise<LoadReport> {
    const id = (this.#calls += 1);
    return new Promise((resolve, reject) => {
      const onExit = (): void => reject(new Error('the load generator has ended'));
      const onMessage = (message: { id: number; report?: LoadReport; error?: string }): void => {
        if (message.id !== id) return;
        this.#child.off('message', onMessage);
        this.#child.off('exit', onExit);
        if (message.report) resolve(message.report);
        else reject(new Error(message.error));
      };
      this.#child.on('message', onMessage);
      this.#child.once('exit', onExit);
      this.#child.send({ id, command });
    });
  }
}
