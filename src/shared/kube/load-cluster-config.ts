import type { ClusterConfig } from './cluster-config.ts';
import { kubeconfigConfig } from './kubeconfig.ts';
import path from 'node:path';
import { CodedError } from '../errors.ts';
import { TokenFile } from './bearer-token.ts';
import { parseServerUrl, readConfigFile } from './cluster-config.ts';

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

interface InClusterSource {
  /** KUBERNETES_SERVICE_HOST. */
  readonly host: string | undefined;
  /** KUBERNETES_SERVICE_PORT. */
  readonly port: string | undefined;
  /** Directory of `ca.crt` and `token`. */
  readonly folder: string;
}

const serviceAccountFolder = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * Returns the configuration that Kubernetes provides in every pod.
 * @param now a clock in milliseconds for the age of the token.
 * @throws {CodedError} FAILED_PRECONDITION outside a pod or if a file is missing.
 */
export function inClusterConfig({ host, port, folder }: InClusterSource, now: () => number): ClusterConfig {
  if (host === undefined || host === '' || port === undefined || port === '') {
    const message =
      'not in a cluster: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set; use --kubeconfig';
    throw new CodedError('FAILED_PRECONDITION', message);
  }
  const caFile = path.join(folder, 'ca.crt');
  const token = new TokenFile(path.join(folder, 'token'), now);
  readConfigFile(caFile);
  token.current();
  const authority = host.includes(':') ? `[${host}]` : host;
  return {
    ...parseServerUrl(`https://${authority}:${port}`, 'KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT'),
    readTls: () => ({ ca: readConfigFile(caFile), isInsecure: false }),
    token,
  };
}
