import { performance } from 'node:perf_hooks';
import { staticToken } from '../../../src/shared/kube/bearer-token.ts';
import type { ClusterConfig } from '../../../src/shared/kube/cluster-config.ts';
import { KubeClient } from '../../../src/shared/kube/kube-client.ts';
import type { KubeClientOptions } from '../../../src/shared/kube/kube-client.ts';
import { loadClusterConfig } from '../../../src/shared/kube/load-cluster-config.ts';
import { noObserver } from '../../../src/shared/kube/observer.ts';
import type { ResourceType } from '../../../src/shared/kube/resource-location.ts';
import { Secret } from '../../../src/shared/secret.ts';
import type { ControlPlane } from '../kubernetes/control-plane.ts';
import type { KubeApi } from '../kube-api/kube-api.ts';
import type { KubeObject } from '../kube-api/resources.ts';
import { started } from '../started.ts';
import { quickTimings } from './quick-timings.ts';

export const connectors: ResourceType = {
  apiVersion: 'connectors.alauda.io/v1alpha1',
  kind: 'Connector',
  plural: 'connectors',
};

/** Administrator's configuration for the test server. */
export function adminConfig(api: KubeApi): ClusterConfig {
  api.bind({ user: 'admin', rules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }] });
  return configFor(api, api.tokenFor('admin'));
}

/** Administrator's configuration for a real API server. */
export function configOf(plane: ControlPlane): ClusterConfig {
  return loadClusterConfig({ kubeconfig: plane.kubeconfig }, {}, () => performance.now());
}

export function configFor(api: KubeApi, token: string): ClusterConfig {
  return {
    host: '127.0.0.1',
    port: api.port,
    basePath: '',
    readTls: () => ({ ca: api.authority.certificate, isInsecure: false }),
    token: staticToken(new Secret(token)),
  };
}

/** A client that is closed after the test. */
export function testClient(config: ClusterConfig, options: Partial<KubeClientOptions> = {}): KubeClient {
  return started(
    new KubeClient({
      config,
      timings: quickTimings,
      clock: { now: () => performance.now(), random: () => Math.random() },
      observer: noObserver,
      userAgent: 'connectors-csi/test',
      ...options,
    }),
  );
}

export function connector(name: string, address: string, labels: Readonly<Record<string, string>> = {}): KubeObject {
  return {
    apiVersion: connectors.apiVersion,
    kind: connectors.kind,
    metadata: { name, namespace: 'team-a', labels },
    spec: { connectorClassName: 'git', address },
  };
}
