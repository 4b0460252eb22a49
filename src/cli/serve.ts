import type { DriverConfig } from '../config.js';
import { UsageError, describeFlags, parseServeConfig, serveFlags } from '../config.js';
import { loadSyscalls } from '../host/linux-syscalls.js';
import type { Log } from '../log.js';
import { createLog } from '../log.js';
import { version } from '../version.js';
import type { Clock } from '../volume/ports.js';
import type { Backend } from './backend.js';
import type { Command } from './command.js';
import { directoryBackend } from './directory-backend.js';
import { Driver } from './driver.js';
import { templateEngine } from './template-engine.js';

const systemClock: Clock = { now: () => Date.now() };

/** `serve`: the driver, until it is told to stop. */
export const serve: Command = {
  summary: 'run the CSI driver',
  usage: `Usage: connectors-csi serve [flags]\n\nFlags:\n${describeFlags(serveFlags)}\n`,
  run: async ({ args, env, stopped }) => {
    const config = parseServeConfig(args, env);
    const log = createLog(config['log-level']);
    const driver = new Driver({
      config,
      backend: createBackend(config, log, systemClock),
      engine: templateEngine,
      syscalls: loadSyscalls(),
      clock: systemClock,
      log,
    });
    await driver.start();
    log.info('serving', { version, name: config['driver-name'] });
    await untilAborted(stopped);
    log.info('stopping', { signal: String(stopped.reason) });
    await driver.stop();
    return 0;
  },
};

function createBackend(config: DriverConfig, log: Log, clock: Clock): Backend {
  if (config.manifests !== undefined) return directoryBackend(config, config.manifests, log, clock);
  throw new UsageError(
    '--connector-source kubernetes is not built yet: give --connector-source directory --manifests DIR',
  );
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
