import { createHook } from 'node:async_hooks';
import { once } from 'node:events';
import { isIP } from 'node:net';
import { nextTick } from 'node:process';
import type { Clock } from '../shared/clock.ts';
import { kubeTimings } from '../shared/kube/timings.ts';
import type { CommandContext } from '../shared/command/command.ts';
import { createLog } from '../shared/process/json-log.ts';
import { describeFlags } from '../shared/process/flags.ts';
import { version } from '../shared/version.ts';
import { parseProxyConfig, proxyFlags } from './config.ts';
import { loadClusterConfig } from '../shared/kube/load-cluster-config.ts';
import { kubernetesBackend } from './kubernetes-backend.ts';
import { Proxy } from './proxy.ts';

export const usage = `Usage: connectors-csi proxy [flags]

Runs the Connectors proxy: sends the requests of pods to tools with their credentials, until a signal stops it.

  connectors-csi proxy --kubeconfig ~/.kube/config --proxy-address 127.0.0.1:8080 --http-address '' --write-status=false

Flags:
${describeFlags(proxyFlags)}
`;

const clock: Clock = { now: () => Date.now() };
const monotonicNow = (): number => performance.now();
const ticks: object[] = [];

/**
 * Runs the proxy until `stopped` is aborted.
 * @throws {UsageError} {CodedError}
 */
export async function run({ args, env, stopped, logOutput }: CommandContext): Promise<number> {
  keepTick();
  const config = parseProxyConfig(args, env);
  const log = createLog(config['log-level'], logOutput);
  const cluster = loadClusterConfig(config, env, monotonicNow);
  const { namespace, 'token-audience': audience, 'max-object-memory': maxObjectBytes } = config;
  const parts = { cluster, timings: kubeTimings, namespace, audience, maxObjectBytes, clock, monotonicNow, log };
  const proxy = new Proxy({
    config,
    createBackend: (metrics, threads) => kubernetesBackend({ ...parts, metrics, threads }),
    // Addresses are compared. An API server known by a host name is blocked by its endpoints.
    apiServer: isIP(cluster.host) === 0 ? [] : [cluster.host],
    clock,
    monotonicNow,
    log,
  });
  await proxy.start();
  log.info('Started', { version });
  if (!stopped.aborted) await once(stopped, 'abort');
  log.info('Stopping', { signal: String(stopped.reason) });
  await proxy.stop();
  return 0;
}

/** Keeps a tick of Node alive. V8 forgets their shape when it finds none in three collections; then each takes six times as long. */
function keepTick(): void {
  const hook = createHook({ init: (_id, _type, _trigger, tick) => ticks.push(tick), trackPromises: false }).enable();
  nextTick(() => undefined);
  hook.disable();
}
