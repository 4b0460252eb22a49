import { CodedError } from '../../errors.js';
import { KubeClient } from '../../kube/kube-client.js';
import { noObserver } from '../../kube/observer.js';
import { kubeTimings } from '../../kube/timings.js';
import type { ClusterConfig } from '../../kube/cluster-config.js';
import { limits } from '../../limits/defaults.js';
import { FailureRateLimiter } from '../../limits/failure-rate-limiter.js';
import { noLimitObserver } from '../../limits/limit-observer.js';
import { silentLog } from '../../log.js';
import type { DecisionSources } from '../../proxy/backend.js';
import type { ProxyConfig } from '../../proxy/config.js';
import { kubernetesSources } from '../../proxy/kubernetes-sources.js';
import { manifestSources } from '../../proxy/manifest-sources.js';
import { version } from '../../version.js';

export interface OpenSources {
  readonly sources: DecisionSources;
  readonly close: () => void;
}

/** Opens a directory of manifests. @throws {CodedError} if a file cannot be read: a rule in it would not count. */
export function openManifests(directory: string, namespace: string): OpenSources {
  const { sources, directory: source } = manifestSources(directory, namespace, silentLog);
  // Reads the files.
  source.peekFlags();
  const problems = source.brokenFiles();
  if (problems.length > 0) throw new CodedError('FAILED_PRECONDITION', problems.join('; '));
  return { sources, close: () => undefined };
}

/** Opens the API server. Connectors and feature flags are read in the background. */
export function openCluster(
  cluster: ClusterConfig,
  config: Pick<ProxyConfig, 'namespace' | 'max-object-memory'>,
): OpenSources {
  const monotonicNow = (): number => performance.now();
  const client = new KubeClient({
    config: cluster,
    timings: kubeTimings,
    clock: { now: monotonicNow, random: Math.random },
    observer: noObserver,
    limits: limits.api,
    load: noLimitObserver,
    userAgent: `connectors-csi/${version} check`,
    program: 'proxy',
  });
  const { sources, flags, connectors } = kubernetesSources({
    client,
    namespace: config.namespace,
    maxObjectBytes: config['max-object-memory'],
    // A table can expect more denials than a client of the proxy can cause at once.
    rateLimiter: new FailureRateLimiter({ ...limits.failedReviews, burst: Number.MAX_SAFE_INTEGER }, monotonicNow),
    onReview: () => undefined,
    clock: { now: () => Date.now() },
    log: silentLog,
  });
  flags.start();
  connectors.start();
  return {
    sources,
    close: () => {
      flags.stop();
      connectors.stop();
      client.close();
    },
  };
}
