import type { DriverConfig } from '../config.js';
import { describeFlags, parseServeConfig, serveFlags } from '../config.js';
import { unusedWatches } from '../connectors/kubernetes-connectors.js';
import { anonymousBytes, loadMemoryRelease } from '../host/memory-release.js';
import { loadSyscalls } from '../host/linux-syscalls.js';
import { kubeTimings } from '../kube/timings.js';
import type { Log } from '../log.js';
import { createLog } from '../log.js';
import type { Metrics } from '../metrics.js';
import { version } from '../version.js';
import type { Clock } from '../volume/ports.js';
import type { Backend } from './backend.js';
import type { Command } from './command.js';
import { directoryBackend } from './directory-backend.js';
import { Driver } from './driver.js';
import { MemoryKeeper } from './memory-keeper.js';
import { SlowWorkThread } from './slow-work-thread.js';
import { clusterConfigOf, kubernetesBackend } from './kubernetes-backend.js';

const memoryCheckMs = 1000;
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
      createBackend: backendOf(config, env, log),
      syscalls: loadSyscalls(),
      clock: systemClock,
      slowWork: new SlowWorkThread(new URL('slow-worker.js', import.meta.url)),
      log,
    });
    const memory = new MemoryKeeper({
      release: loadMemoryRelease(),
      calls: () => driver.metrics.calls,
      ownBytes: anonymousBytes,
      checkMs: memoryCheckMs,
    });
    memory.start();
    await driver.start();
    log.info('serving', { version, name: config['driver-name'] });
    await untilAborted(stopped);
    log.info('stopping', { signal: String(stopped.reason) });
    await driver.stop();
    memory.stop();
    return 0;
  },
};

function backendOf(
  config: DriverConfig,
  env: Readonly<Record<string, string | undefined>>,
  log: Log,
): (metrics: Metrics) => Backend {
  const clock = systemClock;
  const { manifests } = config;
  if (config['connector-source'] === 'directory' && manifests !== undefined) {
    return () => directoryBackend(config, manifests, log, clock);
  }
  const now = (): number => performance.now();
  const cluster = clusterConfigOf(config, env, now);
  const chance = { now, random: Math.random };
  return (metrics) =>
    kubernetesBackend({ config, cluster, timings: kubeTimings, chance, unusedWatches, metrics, clock, log });
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
