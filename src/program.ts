import type { Command, CommandContext } from './shared/command/command.ts';
import { CodedError } from './shared/errors.ts';
import { limits } from './shared/limits/defaults.ts';
import { quote, suggestion } from './shared/message-text.ts';
import { UsageError } from './shared/process/flags.ts';
import { LogOutput } from './shared/process/log-output.ts';
import { version } from './shared/version.ts';

interface NamedCommand {
  readonly summary: string;
  /** Loads its code, of which other commands load nothing: it would take memory on every node. */
  readonly load: () => Promise<Command>;
}

const commands: Readonly<Record<string, NamedCommand>> = {
  serve: { summary: 'run the CSI driver', load: async () => (await import('./cli/serve.ts')).serve },
  proxy: { summary: 'run the Connectors proxy', load: () => import('./proxy/command.ts') },
  render: {
    summary: 'show the files that a pod would see, without mount and cluster',
    load: async () => (await import('./cli/render.ts')).render,
  },
  check: {
    summary: 'report whether the proxy would let a request pass, and why',
    load: () => import('./proxy/check/run-check.ts'),
  },
  doctor: {
    summary: 'check the node, the cluster and the running driver, or the proxy, or image pulls',
    load: async () => (await import('./cli/doctor/doctor.ts')).doctor,
  },
  volumes: {
    summary: "list the node's volumes with their pods, connectors, last refresh and failures",
    load: async () => (await import('./cli/volumes.ts')).volumes,
  },
  'image-pulls': {
    summary: 'write or remove the files of a node for image pulls',
    load: () => import('./image-pulls/run-image-pulls.ts'),
  },
};

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
  const named = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (named === undefined) {
    const problem = name === '' ? 'no command given' : `unknown command ${quote(name)}`;
    errorOutput.write(`connectors-csi: ${problem}${suggestion(name, Object.keys(commands))}\n\n${usage}`);
    return exitStatus.usage;
  }
  const loading = named.load();
  const context = contextOf(loading, args);
  const command = await loading;
  if (args.some(isHelp)) return print(await usageOf(command, args));
  try {
    return await command.run(context);
  } catch (error) {
    if (error instanceof UsageError) {
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

/** A signal counts from now on, before the command is loaded. */
function contextOf(command: Promise<Command>, args: readonly string[]): CommandContext {
  const stopping = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const) {
    process.on(signal, () => {
      stopping.abort(signal);
      void command.then(({ endMs }) => {
        if (endMs !== undefined) setTimeout(() => end(exitStatus.failure), endMs).unref();
      });
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
  if (!(error instanceof Error)) return 'unknown failure';
  if (!(error instanceof CodedError)) return error.stack ?? error.message;
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
