import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { limits } from '../shared/limits/defaults.ts';
import { HealthServer } from '../shared/process/health-server.ts';
import { UsageError, describeFlags } from '../shared/process/flags.ts';
import { createLog } from '../shared/process/json-log.ts';
import { version } from '../shared/version.ts';
import type { CommandContext } from '../shared/command/command.ts';
import { imagePullsFlags, parseImagePullsConfig } from './flags.ts';
import { NodeAgent } from './node-agent.ts';

export const usage = `Usage: connectors-csi image-pulls install|uninstall [flags]

Writes the files that a node needs to pull images through connectors (docs/images.md), or removes them. It runs as a
DaemonSet: it keeps the files as they should be until it is stopped, and /readyz reports whether they are. Files that
an administrator has written are neither replaced nor removed.

  connectors-csi image-pulls install --registry connectors.local --interval 0s

Flags:
${describeFlags(imagePullsFlags)}
`;

/** More than it takes to write a few files, and less than its pod's grace period. */
export const endMs = 5_000;

/** Runs `image-pulls` until `stopped` is aborted. @throws {UsageError} {CodedError} */
export async function run({ args, env, stopped, logOutput }: CommandContext): Promise<number> {
  const [task = '', ...rest] = args;
  if (task !== 'install' && task !== 'uninstall')
    throw new UsageError('the first argument must be install or uninstall');
  const config = parseImagePullsConfig(rest, env);
  const log = createLog(config['log-level'], logOutput);
  const agent = new NodeAgent({ task, config, lookUp: addressesOf, log });
  const address = config['http-address'];
  const health =
    address &&
    new HealthServer({
      address,
      unhealthyReason: () => undefined,
      notReadyReason: () => agent.notReadyReason(),
      limits: limits.healthPort,
      log,
    });
  const port = await health?.start();
  log.info('Started', { version, mode: task, port });
  const running = agent.run(stopped);
  if (!stopped.aborted) await once(stopped, 'abort');
  log.info('Stopping', { signal: String(stopped.reason) });
  await running;
  health?.stop();
  return 0;
}

async function addressesOf(host: string): Promise<readonly string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}
