import type { DriverConfig } from '../driver/config.ts';
import { parseServeConfig, serveFlags } from '../driver/config.ts';
import { CodedError } from '../shared/errors.ts';
import { describeFlags } from '../shared/process/flags.ts';
import { watchTimes } from '../driver/connectors/watch-limits.ts';
import { loadSyscalls } from '../driver/host/linux-syscalls.ts';
import { loadMallocTrim, trimAfterCalls } from '../driver/host/malloc-trim.ts';
import { kubeTimings } from '../shared/kube/timings.ts';
import type { Log } from '../shared/log.ts';
import { createLog } from '../shared/process/json-log.ts';
import { version } from '../shared/version.ts';
import type { Clock } from '../shared/clock.ts';
import type { Command } from '../shared/command/command.ts';
import { directoryBackend } from '../driver/directory-backend.ts';
import { Driver } from '../driver/driver.ts';
import type { DriverParts } from '../driver/driver.ts';
import { kubernetesBackend } from '../driver/kubernetes-backend.ts';
import { loadClusterConfig } from '../shared/kube/load-cluster-config.ts';
import { once } from 'node:events';
import os from 'node:os';
import { constrainedMemory, geteuid } from 'node:process';

const trimIntervalMs = 2000;
/** More than the maximum of Driver.stop(), and less than the pod's grace period. */
const endMs = 36_000;
const systemClock: Clock = { now: () => Date.now() };

/** `serve`: runs the driver until a signal stops it. */
export const serve: Command = {
  endMs,
  usage: `Usage: connectors-csi serve [flags]

Runs the driver of this node: serves CSI to the kubelet, and mounts volumes until a signal stops it. As root, without a
cluster and a kubelet:

  mkdir -p "$PWD/node/pods" "$PWD/node/plugins_registry"
  connectors-csi serve --node-name node-1 --endpoint "unix://$PWD/node/csi.sock" --kubelet-dir "$PWD/node" \\
    --skip-propagation-check --http-address '' --connector-source directory --manifests .

Flags:
${describeFlags(serveFlags)}
`,
  run: async ({ args, env, stopped, logOutput }) => {
    const config = parseServeConfig(args, env);
    if (geteuid?.() !== 0) {
      throw new CodedError('FAILED_PRECONDITION', 'it mounts volumes: run it as root, or see their files with render');
    }
    const log = createLog(config['log-level'], logOutput);
    const driver = new Driver({
      config,
      createBackend: backendOf(config, env, log),
      syscalls: loadSyscalls(),
      memoryLimitBytes: memoryLimit(),
      clock: systemClock,
      renderThread: new URL('render-worker.js', import.meta.url),
      log,
      droppedLogLines: () => logOutput.droppedLines,
    });
    const stopTrimming = trimAfterCalls(loadMallocTrim(), () => driver.metrics.calls, trimIntervalMs);
    await driver.start();
    log.info('Started', { version, name: config['driver-name'] });
    if (!stopped.aborted) await once(stopped, 'abort');
    log.info('Stopping', { signal: String(stopped.reason) });
    await driver.stop();
    stopTrimming();
    return 0;
  },
};

function backendOf(
  config: DriverConfig,
  env: Readonly<Record<string, string | undefined>>,
  log: Log,
): DriverParts['createBackend'] {
  const clock = systemClock;
  const { manifests } = config;
  if (config['connector-source'] === 'directory' && manifests !== undefined) {
    return () => directoryBackend(config, manifests, log, clock);
  }
  const now = (): number => performance.now();
  const cluster = loadClusterConfig(config, env, now);
  const kubeClock = { now, random: Math.random };
  const parts = { config, cluster, timings: kubeTimings, kubeClock, watchTimes, clock, log };
  return (metrics, rejections) => kubernetesBackend({ ...parts, metrics, rejections });
}

/** Returns the memory limit of the process's container in bytes; undefined without one, for which Node has a huge number. */
function memoryLimit(): number | undefined {
  const limitBytes = constrainedMemory();
  return limitBytes > 0 && limitBytes <= os.totalmem() ? limitBytes : undefined;
}
