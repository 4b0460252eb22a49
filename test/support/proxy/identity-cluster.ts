import { issuer } from '../kube-api/identities.ts';
import { ClusterFixture } from './cluster-fixture.ts';
import { connector, connectorClass, proxyService, secret } from './manifests.ts';
import type { ConnectorOptions } from './manifests.ts';
import type { ProxyClient } from './proxy-client.ts';
import type { TrustedSubject } from './subject-verifier.ts';
import { toolCa } from './tool-server.ts';

/** A service account of the Connector's namespace. */
export const account = 'deployer';

/** A cluster with the Connector `ci/tool`, whose Secret `login` names the service account `ci/deployer`. */
export class IdentityCluster {
  readonly cluster: ClusterFixture;
  /** Takes the permission for tokens away. */
  unbind: () => void;

  private constructor(cluster: ClusterFixture) {
    this.cluster = cluster;
    this.unbind = cluster.bindIdentities('ci');
    cluster.put(connectorClass('any', { proxy: { ref: proxyService } }), toolCa, serviceAccount(account));
    cluster.bindCredentials('ci');
    cluster.allow('tool');
  }

  static async start(): Promise<IdentityCluster> {
    return new IdentityCluster(await ClusterFixture.start());
  }

  /** Gives it back. */
  bind(names?: readonly string[]): void {
    this.unbind();
    this.unbind = this.cluster.bindIdentities('ci', names);
  }

  /** @param type the last part of the Secret's. */
  put(type: string, address: string, keys: Readonly<Record<string, string>>, options: ConnectorOptions = {}): void {
    this.cluster.put(
      secret('login', `connectors.alauda.io/${type}`, { serviceAccount: account, ...keys }),
      connector('tool', address, { secret: 'login', caSecret: 'tool-ca', ...options }),
    );
  }

  /** A client with a token that outlives the clock's jumps. */
  client(): ProxyClient {
    return this.cluster.client('ci/tool', this.cluster.token('builder', 48 * 3600));
  }

  /** What a provider has to know for the audience. */
  trust(audience: string, name = account): TrustedSubject {
    return { jwks: this.cluster.api.identities.jwks(), issuer, audience, subject: `system:serviceaccount:ci:${name}` };
  }

  /** Requests for tokens so far, as `namespace/name`. */
  get asked(): readonly string[] {
    const requests = this.cluster.api.requestsOf({ verb: 'create', resource: 'serviceaccounts', subresource: 'token' });
    return requests.map(({ namespace, name }) => `${namespace}/${name}`);
  }

  /** Lets the time pass in which a failed request is not repeated. */
  wait(ms = 10_000): void {
    this.cluster.aheadMs += ms;
    this.cluster.skippedMs += ms;
  }

  stop(): Promise<void> {
    return this.cluster.stop();
  }
}

export function serviceAccount(name: string, namespace = 'ci'): object {
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { namespace, name } };
}
