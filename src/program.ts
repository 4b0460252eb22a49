import type { Command, CommandContext } from './shared/command/command.ts';
import { doctor } from './cli/doctor/doctor.ts';
import { render } from './cli/render.ts';
import { serve } from './cli/serve.ts';
import { volumes } from './cli/volumes.ts';
import { limits } from './shared/limits/defaults.ts';
import { quote, suggestion } from './shared/message-text.ts';
import { LogOutput } from './shared/process/log-output.ts';
import { version } from './shared/version.ts';

/** More than `image-pulls` takes to write a few files, and less than its pod's grace period. */
const imagePullsEndMs = 5_000;

const commands: Readonly<Record<string, Command>> = {
  serve,
  proxy: apart('run the Connectors proxy', () => import('./proxy/command.ts')),
  render,
  check: apart(
    'report whether the proxy would let a request pass, and why',
    () => import('./proxy/check/run-check.ts'),
  ),
  doctor,
  volumes,
  'image-pulls': {
    ...apart('write or remove the files of a node for image pulls', () => import('./image-pulls/run-image-pulls.ts')),
    endMs: imagePullsEndMs,
  },
};

/** Returns a command whose code is in a bundle of its own, which the driver never loads. */
function apart(summary: string, load: () => Promise<Pick<Command, 'run'> & { readonly usage: string }>): Command {
  return {
    summary,
    usage: async () => (await load()).usage,
    run: async (context) => (await load()).run(context),
  };
}

const usage = `Usage: connectors-csi COMMAND [flags]

Commands:
${Object.entries(commands)
  .map(([name, { summary }]) => `  ${name.padEnd(13)}${summary}`)
  .join('\n')}

"connectors-csi help COMMAND" lists the flags of a command; "connectors-csi version" prints the version.
`;

const exitStatus = { usage: 2, failure: 1 } as const;

/** The only writer to standard error, from the first line to the message of a crash. */
const errorOutput = new LogOutput(2, limits.log);
/** Limits at the exit: to write the last lines, and then to close leftover handles. */
const lastLinesMs = 500;
const leftoversMs = 1000;
/** Less than the interval in which the log tries again to write. */
const threadMs = 50;

async function main(argv: readonly string[]): Promise<number> {
  const isHelpOf = argv[0] === 'help' && argv.length > 1;
  const [name = '', ...args] = isHelpOf ? [...argv.slice(1), '--help'] : argv;
  if (['--version', '-v', 'version'].includes(name)) return print(`${version}\n`);
  if (isHelp(name) || name === 'help') return print(usage);
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) {
    const problem = name === '' ? 'no command given' : `unknown command ${quote(name)}`;
    errorOutput.write(`connectors-csi: ${problem}${suggestion(name, Object.keys(commands))}\n\n${usage}`);
    return exitStatus.usage;
  }
  if (args.some(isHelp)) return print(await usageOf(command, args));
  try {
    return await command.run(contextOf(command, args));
  } catch (error) {
    if (isNamed(error, 'UsageError')) {
      errorOutput.write(`connectors-csi ${name}: ${error.message}\n\n${await hintOf(name, command)}`);
      return exitStatus.usage;
    }
    errorOutput.write(`connectors-csi ${name}: ${describe(error)}\n`);
    return exitStatus.failure;
  }
}

async function usageOf({ usage: text }: Command, args: readonly string[] = []): Promise<string> {
  return typeof text === 'string' ? text : text(args);
}

/** Compares by name, because the proxy's bundle has its own classes. */
function isNamed(error: unknown, name: 'UsageError' | 'CodedError'): error is Error {
  return error instanceof Error && error.name === name;
}

function isHelp(argument: string): boolean {
  return argument === '--help' || argument === '-h';
}

/**
 * Returns the synopsis, not the whole usage: a pod's termination message is the last 2 KiB, and must contain the
 * mistake.
 */
async function hintOf(name: string, command: Command): Promise<string> {
  const [synopsis = ''] = (await usageOf(command)).split('\n', 1);
  return `${synopsis}\n"connectors-csi ${name} --help" lists the flags.\n`;
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

function contextOf({ endMs }: Command, args: readonly string[]): CommandContext {
  const stopping = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const) {
    process.on(signal, () => {
      stopping.abort(signal);
      if (endMs !== undefined) setTimeout(() => end(exitStatus.failure), endMs).unref();
    });
  }
  return {
    args,
    env: process.env,
    columns: process.stdout.isTTY ? process.stdout.columns : undefined,
    stdout: (text) => process.stdout.write(text),
    stderr: (text) => errorOutput.write(text),
    logOutput: errorOutput,
    stopped: stopping.signal,
  };
}

/** Returns the message with its cause, if the cause adds something. Unexpected errors are returned with their stack. */
function describe(error: unknown): string {
  if (!isNamed(error, 'CodedError')) return error instanceof Error ? (error.stack ?? error.message) : 'unknown failure';
  const cause = error.cause instanceof Error ? error.cause.message : '';
  return error.message.includes(cause) ? error.message : `${error.message}: ${cause}`;
}

/**
 * Ends the process. An exit waits for the threads that read files and resolve names, and an unresponsive name server or
 * file system can block them for long. So the process is killed if they still have work after a moment: a try to write to
 * a reader that is blocked ends at once.
 */
function end(status: number): void {
  if (!isThreadBusy()) process.exit(status);
  setTimeout(() => {
    if (isThreadBusy()) process.kill(process.pid, 'SIGKILL');
    process.exit(status);
  }, threadMs);
}

function isThreadBusy(): boolean {
  return process.getActiveResourcesInfo().some((resource) => resource.includes('Req'));
}

process.on('uncaughtException', (error) => {
  errorOutput.write(`connectors-csi: ${describe(error)}\n`);
  void errorOutput.drain(lastLinesMs).then(() => end(exitStatus.failure));
});
// Node would write warnings to standard error itself, and block there.
process.removeAllListeners('warning').on('warning', ({ name, message }) => errorOutput.write(`${name}: ${message}\n`));

process.exitCode = await main(process.argv.slice(2));
await errorOutput.drain(lastLinesMs);
setTimeout(() => end(Number(process.exitCode)), leftoversMs).unref();
