import type { Clock } from '../shared/clock.ts';
import { proxyLimits } from './limits.ts';
import { FailureRateLimiter } from './failure-rate-limiter.ts';
import { version } from '../shared/version.ts';
import { ApiServerEndpoints } from './api-server-endpoints.ts';
import type { DecisionSources, ProxyBackend } from './backend.ts';
import { TokenReviewVerifier } from './auth/token-review-verifier.ts';
import { KubernetesCa } from './kubernetes-ca.ts';
import type { ProxyMetrics } from './proxy-metrics.ts';
import { SubjectAccessReviewer } from '../shared/access/subject-access-reviewer.ts';
import { WatchedFlags } from '../shared/connectors/watched-flags.ts';
import type { ClusterConfig } from '../shared/kube/cluster-config.ts';
import { KubeClient } from '../shared/kube/kube-client.ts';
import type { KubeObserver } from '../shared/kube/observer.ts';
import type { KubeTimings } from '../shared/kube/timings.ts';
import type { Log } from '../shared/log.ts';
import { kubernetesApprovals, subjectAccessReviewAuthorizer } from './auth/kubernetes-authorizer.ts';
import { ConnectorInformer } from './connectors/connector-informer.ts';
import { SubjectTokens } from './credentials/issuer/subject-tokens.ts';
import type { ThreadShares } from './thread-shares.ts';
import { KubernetesSecrets } from './secrets/kubernetes-secrets.ts';

interface KubernetesSourcesOptions {
  readonly cluster: ClusterConfig;
  readonly timings: KubeTimings;
  readonly userAgent: string;
  readonly observer: KubeObserver;
  /** A monotonic clock in milliseconds. */
  readonly monotonicNow: () => number;
  /** The proxy's. */
  readonly namespace: string;
  /** Of tokens for the proxy. */
  readonly audience: string;
  /** Memory limit of cached Connectors and classes, in bytes. */
  readonly maxObjectBytes: number;
  /** Limits denied reviews per client. */
  readonly rateLimiter: FailureRateLimiter;
  readonly threads: ThreadShares;
  readonly log: Log;
}

/** Decision sources, with the parts that read in the background once they are started. */
interface KubernetesSources {
  readonly client: KubeClient;
  readonly sources: DecisionSources;
  readonly flags: WatchedFlags;
  readonly connectors: ConnectorInformer;
  readonly secrets: KubernetesSecrets;
}

/** Creates what decides about requests with an API server. */
export function kubernetesSources(options: KubernetesSourcesOptions): KubernetesSources {
  const { cluster, timings, userAgent, observer, monotonicNow, namespace, rateLimiter, log } = options;
  const client = new KubeClient({
    ...{ config: cluster, timings, userAgent, observer },
    clock: { now: monotonicNow, random: Math.random },
    program: 'proxy',
  });
  const flags = new WatchedFlags(client, namespace, log);
  const connectors = new ConnectorInformer(client, options.maxObjectBytes, options.threads, log);
  const secrets = new KubernetesSecrets(client, namespace, options.threads, log);
  const authorizer = subjectAccessReviewAuthorizer(
    new SubjectAccessReviewer(client, monotonicNow, proxyLimits.proxyAccess),
    rateLimiter,
    (connector) => connectors.has(connector),
  );
  const approvals = kubernetesApprovals(client);
  return {
    client,
    sources: {
      ...{ authorizer, approvals, flags: (signal) => flags.get(signal), connectors, secrets },
      subjectTokens: new SubjectTokens(client, cluster.token, options.audience),
    },
    flags,
    connectors,
    secrets,
  };
}

interface KubernetesBackendOptions extends Omit<KubernetesSourcesOptions, 'userAgent' | 'observer' | 'rateLimiter'> {
  readonly metrics: ProxyMetrics;
  readonly clock: Clock;
}

/** Returns the backend with everything from the API server. */
export function kubernetesBackend(options: KubernetesBackendOptions): ProxyBackend {
  const { namespace, audience, metrics, clock, monotonicNow, log } = options;
  const { client, sources, flags, connectors, secrets } = kubernetesSources({
    ...options,
    userAgent: `connectors-csi-proxy/${version}`,
    observer: metrics,
    rateLimiter: new FailureRateLimiter(proxyLimits.failedReviews, monotonicNow),
  });
  const ca = new KubernetesCa(client, namespace, clock, log);
  const endpoints = new ApiServerEndpoints(client, log);
  const parts = [flags, connectors, secrets, ca, endpoints];
  return {
    ...sources,
    tokens: new TokenReviewVerifier({
      client,
      audience,
      clock,
      rateLimiter: new FailureRateLimiter(proxyLimits.failedReviews, monotonicNow),
    }),
    ca,
    identity: () => ca.uid,
    apiServerEndpoints: () => endpoints.current(),
    status: { client, objects: connectors, onCaChange: (listener) => ca.onChange(listener) },
    load: () => connectors.load,
    start: () => {
      for (const part of parts) part.start();
    },
    stop: () => {
      for (const part of parts) part.stop();
      client.close();
    },
    problem: () => flags.problem() ?? connectors.problem() ?? endpoints.problem(),
  };
}
