import type { NonBlockingLineWriter } from '../process/non-blocking-line-writer.js';

/** What a command may use of the process; program.ts gives it, so that commands can be run in tests. */
export interface CommandContext {
  /** Arguments after the command's name. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: (text: string) => void;
  /** Never waits for a reader, see process/non-blocking-line-writer.ts. */
  readonly stderr: (text: string) => void;
  /** Standard error again, for a log. */
  readonly logOutput: Pick<NonBlockingLineWriter, 'write' | 'droppedLines' | 'onResumed'>;
  /** The words that start this program again: the Node binary and the script. */
  readonly self: readonly [string, ...string[]];
  /** Aborted by SIGTERM, SIGINT or SIGQUIT; the reason is the signal's name. */
  readonly stopped: AbortSignal;
  readonly uid: number;
}

export interface Command {
  readonly summary: string;
  /** Milliseconds that it may take to end after a signal; absent: it may take for ever. */
  readonly endMs?: number;
  /** The whole of `--help`; a function where the command's code is loaded only when it is called. */
  readonly usage: string | (() => Promise<string>);
  /**
   * @returns the exit status.
   * @throws {UsageError} for arguments that cannot be used; program.ts prints the usage and exits with 2.
   */
  readonly run: (context: CommandContext) => Promise<number>;
}
