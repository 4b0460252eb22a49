import { describeFlags } from '../../shared/process/flags.js';
import type { ProxyConfig } from '../config.js';
import { parseProxyConfig, proxyFlags } from '../config.js';
import { loadClusterConfig } from '../../shared/kube/load-cluster-config.js';
import type { CheckResult } from '../../shared/doctor/check-result.js';
import { ok } from '../../shared/doctor/check-result.js';
import { checkReadiness } from '../../shared/doctor/readiness.js';
import type { ClusterDiagnosticContext } from '../../shared/doctor/with-cluster.js';
import { withCluster } from '../../shared/doctor/with-cluster.js';
import { checkCa } from './ca.js';
import { checkProxyPermissions } from './proxy-permissions.js';

export interface ProxyDiagnosticContext extends Omit<ClusterDiagnosticContext, 'program'> {
  readonly config: ProxyConfig;
  readonly signal: AbortSignal;
}

/** Returns the flags of `doctor --proxy`, one per line. */
export function describedFlags(): string {
  return describeFlags(proxyFlags);
}

/** Runs `doctor --proxy` in the proxy's container. @throws {UsageError} */
export function examineRunningProxy(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<readonly CheckResult[]> {
  const config = parseProxyConfig(args, env);
  const cluster = (): ReturnType<typeof loadClusterConfig> => loadClusterConfig(config, env, () => performance.now());
  return examineProxy({ config, cluster, clock: { now: () => Date.now() }, signal });
}

/** Runs all checks; none changes anything. */
export async function examineProxy({
  config,
  cluster,
  clock,
  signal,
}: ProxyDiagnosticContext): Promise<readonly CheckResult[]> {
  const readiness = await checkReadiness(config['http-address'], 'proxy', 'serve');
  if (config['connector-source'] === 'directory') {
    return [readiness, ok('api-server', 'not used: --connector-source directory')];
  }
  const ofCluster = await withCluster({ cluster, clock, program: 'proxy' }, async (client) => [
    ...(await checkProxyPermissions(client, config, signal)),
    await checkCa(client, config, clock.now(), signal),
  ]);
  return [readiness, ...ofCluster];
}
