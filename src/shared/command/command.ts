import type { LogOutput } from '../process/log-output.ts';

/** The parts of the process that a command uses. program.ts provides them, so that tests can run commands. */
export interface CommandContext {
  /** Arguments after the command's name. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: (text: string) => void;
  /** Width of the terminal that shows `stdout`; absent if there is none. */
  readonly columns?: number | undefined;
  /** Never waits for a reader, see shared/process/log-output.ts. */
  readonly stderr: (text: string) => void;
  /** Standard error as a log output. */
  readonly logOutput: Pick<LogOutput, 'write' | 'droppedLines' | 'onResumed'>;
  /** Aborted by SIGTERM, SIGINT or SIGQUIT; the reason is the signal's name. */
  readonly stopped: AbortSignal;
}

export interface Command {
  /** Time in milliseconds for the command to end after a signal; absent: no limit. */
  readonly endMs?: number;
  /** The text of `--help`; a function if it depends on the other arguments. */
  readonly usage: string | ((args: readonly string[]) => Promise<string>);
  /**
   * Runs the command.
   * @returns the exit status.
   * @throws {UsageError} for invalid arguments; program.ts prints the usage and exits with 2.
   */
  readonly run: (context: CommandContext) => Promise<number>;
}
