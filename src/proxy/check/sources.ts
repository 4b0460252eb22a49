import { CodedError } from '../../shared/errors.ts';
import { noObserver } from '../../shared/kube/observer.ts';
import { kubeTimings } from '../../shared/kube/timings.ts';
import type { ClusterConfig } from '../../shared/kube/cluster-config.ts';
import { proxyLimits } from '../limits.ts';
import { FailureRateLimiter } from '../failure-rate-limiter.ts';
import { silentLog } from '../../shared/log.ts';
import { manifestWarnings } from '../../shared/connectors/unknown-fields.ts';
import type { DecisionSources } from '../backend.ts';
import type { ProxyConfig } from '../config.ts';
import { kubernetesSources } from '../kubernetes-sources.ts';
import { manifestSources } from '../manifest-sources.ts';
import { version } from '../../shared/version.ts';

export interface OpenSources {
  readonly sources: DecisionSources;
  /** About fields of manifests that have no effect. */
  readonly warnings: readonly string[];
  readonly close: () => void;
}

/** Opens a directory of manifests. @throws {CodedError} if a file cannot be read: a rule in it would not count. */
export function openManifests(directory: string, namespace: string): OpenSources {
  const { sources, directory: source } = manifestSources(directory, namespace, silentLog);
  const warnings = manifestWarnings(source.files());
  const problems = source.brokenFiles();
  if (problems.length > 0) throw new CodedError('FAILED_PRECONDITION', problems.join('; '));
  return { sources, warnings, close: () => undefined };
}

/** Opens the API server. Connectors and feature flags are read in the background. */
export function openCluster(
  cluster: ClusterConfig,
  config: Pick<ProxyConfig, 'namespace' | 'token-audience' | 'max-object-memory'>,
): OpenSources {
  const monotonicNow = (): number => performance.now();
  const { client, sources, flags, connectors } = kubernetesSources({
    cluster,
    timings: kubeTimings,
    userAgent: `connectors-csi/${version} check`,
    observer: noObserver,
    monotonicNow,
    namespace: config.namespace,
    audience: config['token-audience'],
    maxObjectBytes: config['max-object-memory'],
    // A table can expect more denials than a client of the proxy can cause at once.
    rateLimiter: new FailureRateLimiter({ ...proxyLimits.failedReviews, burst: Number.MAX_SAFE_INTEGER }, monotonicNow),
    log: silentLog,
  });
  flags.start();
  connectors.start();
  return {
    sources,
    warnings: [],
    close: () => {
      flags.stop();
      connectors.stop();
      client.close();
    },
  };
}
