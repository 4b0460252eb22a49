import { sleep } from '../../../abortable.js';
import { describeFlags } from '../../../process/flags.js';
import type { ProxyConfig } from '../../../proxy/config.js';
import { parseProxyConfig, proxyFlags, serviceOf } from '../../../proxy/config.js';
import { loadClusterConfig } from '../../../kube/load-cluster-config.js';
import { classUrl } from '../../../proxy/status/proxy-service.js';
import type { ProxyService } from '../../../proxy/status/proxy-service.js';
import type { Dial } from '../send-connect.js';
import { readConnectorObjects } from '../connector-objects.js';
import type { CheckResult } from '../check-result.js';
import { ok, unchecked } from '../check-result.js';
import { checkReadiness } from '../readiness.js';
import type { ClusterDiagnosticContext } from '../with-cluster.js';
import { withCluster } from '../with-cluster.js';
import { checkCa } from './ca.js';
import { checkLease } from './lease.js';
import { checkCredentialPermissions, checkProxyPermissions } from './proxy-permissions.js';
import { checkService } from './service.js';
import { checkStatuses, outdated } from './statuses.js';
import type { OwnObjects } from './own-objects.js';
import { ownObjects } from './own-objects.js';

/** Time in milliseconds that the proxy can take to write a change. */
const statusDelayMs = 3_000;

export interface ProxyDiagnosticContext extends Omit<ClusterDiagnosticContext, 'program'> {
  readonly config: ProxyConfig;
  /** Opens connections to the Service; by default those of the system. */
  readonly dial?: Dial;
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
export async function examineProxy(context: ProxyDiagnosticContext): Promise<readonly CheckResult[]> {
  const { config, cluster, clock, dial, signal } = context;
  const process = [await checkReadiness(config['http-address'], 'proxy', 'serve')];
  if (config['connector-source'] === 'directory') {
    return [...process, ok('api-server', 'not used: --connector-source directory')];
  }
  const service = serviceOf(config);
  return [
    ...process,
    await checkService(classUrl({ ...service, scheme: 'http' }), undefined, config, dial),
    ...(await withCluster({ cluster, clock, program: 'proxy' }, async (client) => {
      const read = async (): Promise<OwnObjects> => ownObjects(await readConnectorObjects(client, signal), service);
      const permissions = await checkProxyPermissions(client, config, signal);
      const ca = await checkCa(client, config, clock.now(), signal);
      const secure = await checkTls(service, ca.certificate, context);
      const lease = config['write-status'] ? [await checkLease(client, config, clock.now(), signal)] : [];
      let objects: OwnObjects;
      try {
        objects = await read();
        if (config['write-status'] && outdated(objects, ca.certificate).length > 0) {
          await sleep(statusDelayMs, signal);
          objects = await read();
        }
      } catch (error) {
        return [...permissions, ...ca.results, ...secure, ...lease, unchecked('status', error)];
      }
      return [
        ...permissions,
        ...(await checkCredentialPermissions(client, objects, config, signal)),
        ...ca.results,
        ...secure,
        ...lease,
        ...checkStatuses(objects, ca.certificate, config),
      ];
    })),
  ];
}

/** Checks that the Service leads to the TLS port, whose certificate clients verify with the CA of the volumes. */
async function checkTls(
  service: ProxyService,
  caCerts: string | undefined,
  { config, dial }: ProxyDiagnosticContext,
): Promise<readonly CheckResult[]> {
  if (config['tls-address'] === undefined || caCerts === undefined) return [];
  return [await checkService(classUrl({ ...service, scheme: 'https' }), caCerts, config, dial)];
}
