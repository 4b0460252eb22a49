import type { Clock } from '../shared/clock.ts';
import { proxyLimits } from './limits.ts';
import { FailureRateLimiter } from './failure-rate-limiter.ts';
import { version } from '../shared/version.ts';
import { ApiServerEndpoints } from './api-server-endpoints.ts';
import type { ProxyBackend } from './backend.ts';
import { TokenReviewVerifier } from './auth/token-review-verifier.ts';
import { KubernetesCa } from './kubernetes-ca.ts';
import { kubernetesSources } from './kubernetes-sources.ts';
import type { KubernetesSourcesOptions } from './kubernetes-sources.ts';
import type { ProxyMetrics } from './proxy-metrics.ts';

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
