import { spawn, spawnSync } from 'node:child_process';
import { flag, describeFlags, parseFlags, text } from '../../process/flags.js';
import { CodedError } from '../../errors.js';
import type { Command, CommandContext } from '../command.js';

const demoFlags = {
  manifests: flag('', 'DIR', "directory of manifests; empty: the project's deploy/examples/demo", (dir) => dir),
  connectors: flag('harbor,github', 'LIST', 'attribute "connectors" of the volume', text),
  'configuration-names': flag(
    'registry-config,gitconfig',
    'LIST',
    'attribute "configuration.names" of the volume',
    (names) => names,
  ),
  namespace: flag('ci', 'NAME', 'namespace of the pod', text),
} as const;

/** Set for the process that runs inside the private mount namespace. */
const insideVariable = 'CONNECTORS_CSI_DEMO_INSIDE';

/**
 * `demo`: the whole main job on one machine without a cluster, with the real driver, socket, tmpfs and proxy, and a
 * registry. Its code is in a bundle of its own, like the proxy, whose certificates it uses.
 */
export const demo: Command = {
  summary: 'show the whole main job on this machine, without a cluster',
  usage: `Usage: connectors-csi demo [flags]\n\nFlags:\n${describeFlags(demoFlags)}\n`,
  run: async (context) => {
    const flags = parseFlags(demoFlags, context.args, context.env);
    const read = (name: keyof typeof demoFlags): string => String(flags[name]);
    if (context.env[insideVariable] !== undefined) {
      const { runDemo } = await import('./run-demo.js');
      return runDemo(context, {
        manifests: read('manifests'),
        connectors: read('connectors'),
        configurationNames: read('configuration-names'),
        namespace: read('namespace'),
      });
    }
    return runInNamespace(context, privateNamespace(context));
  },
};

/**
 * Returns the command that starts a program in a mount namespace of its own, so that no mount can remain.
 * @throws {CodedError} FAILED_PRECONDITION if none can be created.
 */
function privateNamespace({ uid }: CommandContext): readonly [string, ...string[]] {
  const asUser = uid === 0 ? [] : ['--user', '--map-root-user'];
  const words = ['unshare', ...asUser, '--mount', '--propagation', 'private', '--'] as const;
  const probe = spawnSync(words[0], [...words.slice(1), 'true'], { encoding: 'utf8' });
  if (probe.status === 0) return words;
  const need = 'the demo mounts a tmpfs in a private mount namespace';
  if (probe.error !== undefined) {
    throw new CodedError('FAILED_PRECONDITION', `${need}, for which it needs unshare(1) of util-linux`, {
      cause: probe.error,
    });
  }
  throw new CodedError(
    'FAILED_PRECONDITION',
    `${need}, which this machine does not allow${uid === 0 ? '' : ' an ordinary user'} (${probe.stderr.trim()}): ` +
      (uid === 0 ? 'it needs CAP_SYS_ADMIN' : 'run it as root'),
  );
}

function runInNamespace(
  { self, args, env, stopped }: CommandContext,
  [program, ...words]: readonly [string, ...string[]],
): Promise<number> {
  const child = spawn(program, [...words, ...self, 'demo', ...args], {
    stdio: 'inherit',
    env: { ...env, [insideVariable]: '1' },
  });
  stopped.addEventListener('abort', () => child.kill('SIGTERM'));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (status) => resolve(status ?? 1));
  });
}
