import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

interface ReaderReport {
  /** How often a whole revision was read. */
  readonly passes: number;
  /** How often it was another than before. */
  readonly revisions: number;
  /** How often the revision was removed before it was read, two writes later. */
  readonly gone: number;
  /** Halves, mixtures and errors. */
  readonly problems: readonly string[];
}

/** Processes that read a volume all the time. */
export class Readers {
  readonly #children: ChildProcess[];

  private constructor(children: ChildProcess[]) {
    this.#children = children;
  }

  /** Starts `count` readers; each has begun when this is done. */
  static async start(program: string, target: string, count: number): Promise<Readers> {
    const children = Array.from({ length: count }, () => fork(program, [target], { execArgv: [] }));
    await Promise.all(children.map((child) => once(child, 'message')));
    return new Readers(children);
  }

  /** For the end of a test that failed. */
  kill(): void {
    for (const child of this.#children) child.kill('SIGKILL');
  }

  async stop(): Promise<ReaderReport[]> {
    return Promise.all(
      this.#children.map(async (child) => {
        const answer = once(child, 'message');
        child.send('stop');
        const [report] = (await answer) as [ReaderReport];
        return report;
      }),
    );
  }
}
