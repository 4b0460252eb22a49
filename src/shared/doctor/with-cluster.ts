import type { ClusterConfig } from '../kube/cluster-config.js';
import { KubeClient } from '../kube/kube-client.js';
import type { ProgramName } from '../kube/kube-error.js';
import { noObserver } from '../kube/observer.js';
import { kubeTimings } from '../kube/timings.js';
import { limits } from '../limits/defaults.js';
import { noLimitObserver } from '../limits/limit-observer.js';
import { version } from '../version.js';
import type { Clock } from '../clock.js';
import { checkApiServer } from './api-server.js';
import type { CheckResult } from './check-result.js';
import { reasonOf } from './check-result.js';

export interface ClusterDiagnosticContext {
  /** Returns the access to the API server. @throws {CodedError} if there is none. */
  readonly cluster: () => ClusterConfig;
  readonly clock: Clock;
  /** The program whose service account is checked. */
  readonly program: ProgramName;
}

/** Runs the checks of the API server, then further checks with the program's service account. */
export async function withCluster(
  { cluster, clock, program }: ClusterDiagnosticContext,
  checks: (client: KubeClient) => Promise<readonly CheckResult[]>,
): Promise<readonly CheckResult[]> {
  const now = (): number => performance.now();
  let target: ClusterConfig;
  try {
    target = cluster();
  } catch (error) {
    return [
      { level: 'fail', check: 'api-server', text: `${reasonOf(error)}, or run it in the container of the ${program}` },
    ];
  }
  const client = new KubeClient({
    config: target,
    timings: kubeTimings,
    clock: { now, random: Math.random },
    observer: noObserver,
    userAgent: `connectors-csi/${version} doctor`,
    program,
    limits: limits.api,
    load: noLimitObserver,
  });
  try {
    return [...(await checkApiServer(target, clock)), ...(await checks(client))];
  } finally {
    client.close();
  }
}
