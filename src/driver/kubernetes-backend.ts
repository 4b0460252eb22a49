import { KubernetesAccess } from './approval/kubernetes-access.ts';
import type { DriverConfig } from './config.ts';
import { ApiCsiDriverValidator } from './token/csi-driver-validator.ts';
import { KubernetesConnectors } from './connectors/kubernetes-connectors.ts';
import type { WatchLimits } from './connectors/watch-limits.ts';
import type { ClusterConfig } from '../shared/kube/cluster-config.ts';
import type { ClockAndRandom } from '../shared/kube/api-connections.ts';
import { KubeClient } from '../shared/kube/kube-client.ts';
import type { KubeTimings } from '../shared/kube/timings.ts';
import type { LimitObserver } from '../shared/limits/limit-observer.ts';
import type { Log } from '../shared/log.ts';
import type { Metrics } from './metrics.ts';
import { KubeletTokens } from './token/kubelet-tokens.ts';
import { MintedTokens } from './token/minted-tokens.ts';
import { version } from '../shared/version.ts';
import { earliestMs } from '../shared/clock.ts';
import type { Clock } from '../shared/clock.ts';
import type { Backend } from './backend.ts';

/**
 * Limit of a pod's first wait for an approval, in milliseconds. It is long enough for an automatic policy, and short
 * enough for users who check why the pod is not ready.
 */
const firstApprovalWaitMs = 5_000;

interface KubernetesBackendParts {
  readonly config: DriverConfig;
  readonly cluster: ClusterConfig;
  readonly timings: KubeTimings;
  /** Independent of the wall clock: that can be set back, and connections must not wait until it catches up. */
  readonly kubeClock: ClockAndRandom;
  readonly watchTimes: Pick<WatchLimits, 'idleMs' | 'sweepMs'>;
  readonly metrics: Metrics;
  readonly rejections: LimitObserver;
  readonly clock: Clock;
  readonly log: Log;
}

/** Returns the backend of `--connector-source kubernetes`, which reads everything from the API server. */
export function kubernetesBackend(parts: KubernetesBackendParts): Backend {
  const { config, cluster, timings, kubeClock, watchTimes, metrics, rejections, clock, log } = parts;
  const client = new KubeClient({
    config: cluster,
    timings,
    clock: kubeClock,
    observer: metrics,
    userAgent: `connectors-csi/${version}`,
    load: rejections,
  });
  const { namespace } = config;
  const notFoundWaitMs = config['not-found-wait'];
  const watchLimits = {
    ...watchTimes,
    maxCount: config['max-watched-objects'],
    maxBytes: config['max-object-memory'],
  };
  const source = new KubernetesConnectors({
    client,
    namespace,
    notFoundWaitMs,
    watchLimits,
    observer: rejections,
    clock,
    log,
  });
  const csiDriver = new ApiCsiDriverValidator(client, config['driver-name'], log);
  const access = new KubernetesAccess({
    client,
    monotonicNow: kubeClock.now,
    log,
    waitMs: config['approval-wait'],
    firstWaitMs: firstApprovalWaitMs,
    nodeName: config['node-name'],
    maxWatchedRequests: config['max-watched-objects'],
    load: rejections,
    observer: metrics,
    watchesApprovals: config['refresh-on-change'],
  });
  return {
    source,
    csiDriver,
    access,
    tokens: new KubeletTokens({
      origin: (audience) => csiDriver.tokenOrigin(audience),
      minter: config['allow-token-minting'] ? new MintedTokens(client, clock) : undefined,
      canMint: (audience) => audience === config['token-audience'] || csiDriver.requestsTokensFor(audience),
      isStrict: config['strict-token-expiration'],
      clock,
    }),
    start: () => {
      csiDriver.start();
      source.start();
    },
    stop: () => {
      access.stop();
      source.stop();
      csiDriver.stop();
      client.close();
    },
    problem: () => csiDriver.problem() ?? source.problem(),
    load: () => ({ ...source.load(), api_requests: client.load }),
    confirmationAgeMs: () => {
      const confirmedAtMs = earliestMs([source.confirmedAtMs, csiDriver.confirmedAtMs]);
      return confirmedAtMs && kubeClock.now() - confirmedAtMs;
    },
  };
}
