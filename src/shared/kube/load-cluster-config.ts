import type { ClusterConfig } from './cluster-config.js';
import { inClusterConfig, serviceAccountFolder } from './in-cluster.js';
import { kubeconfigConfig } from './kubeconfig.js';

/**
 * Returns the access to the API server: that of the kubeconfig if one is named, else the in-cluster configuration.
 * @param now a monotonic clock in milliseconds, for the age of tokens.
 * @throws {CodedError} if the configuration is unusable.
 */
export function loadClusterConfig(
  { kubeconfig }: { readonly kubeconfig: string | undefined },
  env: Readonly<Record<string, string | undefined>>,
  now: () => number,
): ClusterConfig {
  if (kubeconfig !== undefined) return kubeconfigConfig(kubeconfig, now);
  const host = env['KUBERNETES_SERVICE_HOST'];
  const port = env['KUBERNETES_SERVICE_PORT'];
  return inClusterConfig({ host, port, folder: serviceAccountFolder }, now);
}
