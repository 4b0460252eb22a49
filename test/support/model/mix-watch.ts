import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { MixCommand, MixReport } from './mix-messages.ts';

const program = path.join(import.meta.dirname, 'mix-program.ts');

/** A process that reads volumes all along, in which mixes of two revisions are seen. */
export class MixWatch {
  readonly #child: ChildProcess = fork(program, { execArgv: [] });

  /** @param kind index in volumeKinds. */
  read(target: string, kind: number): void {
    this.#tell({ target, kind });
  }

  /** The volume need not be looked for any more. */
  forget(target: string): void {
    this.#tell({ gone: target });
  }

  /** What it has seen. */
  async report(): Promise<MixReport> {
    const answer = once(this.#child, 'message');
    this.#tell('report');
    const [report] = (await answer) as [MixReport];
    return report;
  }

  async stop(): Promise<void> {
    const exited = once(this.#child, 'exit');
    this.#child.disconnect();
    await exited;
  }

  #tell(command: MixCommand): void {
    this.#child.send(command);
  }
}
