import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { bindingsFor } from '../../access/driver-rules.ts';
import { ProxyProcess } from '../../e2e/proxy-process.ts';
import type { ProxyProcessOptions } from '../../e2e/proxy-process.ts';
import { KubeApi } from '../../kube-api/kube-api.ts';
import type { KubeObject } from '../../kube-api/resources.ts';
import { connectorClass, proxyService } from '../manifests.ts';
import { toolCa } from '../tool-server.ts';

const user = 'proxy';
const uses = { verbs: ['get'], apiGroups: ['connectors.alauda.io'], resources: ['connectors'] };

/** The built proxy in a process of its own, with the API server of this process. */
export class ProcessCluster {
  readonly api: KubeApi;
  readonly #directory = mkdtempSync(path.join(tmpdir(), 'attacked-cluster-'));
  #proxy: ProxyProcess | undefined;

  private constructor(api: KubeApi) {
    this.api = api;
  }

  /** @param namespaces whose account `builder` can use all Connectors there. */
  static async start(objects: readonly object[], namespaces: readonly string[]): Promise<ProcessCluster> {
    const cluster = new ProcessCluster(await KubeApi.start());
    for (const binding of bindingsFor('proxy', { user })) cluster.api.bind(binding);
    for (const namespace of namespaces) {
      cluster.api.bind({ serviceAccount: `${namespace}/builder`, namespace, rules: [uses] });
    }
    cluster.put(connectorClass('any', { proxy: { ref: proxyService } }), toolCa, ...objects);
    return cluster;
  }

  put(...objects: readonly object[]): void {
    for (const object of objects) this.api.put(object as KubeObject);
  }

  async replica(
    hosts: readonly string[],
    flags: readonly string[],
    place: Pick<ProxyProcessOptions, 'env' | 'entering' | 'main' | 'nameServer'> = {},
  ): Promise<ProxyProcess> {
    const kubeconfig = path.join(this.#directory, 'kubeconfig');
    this.api.writeKubeconfig(kubeconfig, { name: user });
    this.#proxy = await ProxyProcess.start({
      ...{ directory: this.#directory, hosts, flags: ['--kubeconfig', kubeconfig, ...flags] },
      ...place,
    });
    return this.#proxy;
  }

  token({ namespace, pod }: { readonly namespace: string; readonly pod: string }): string {
    const account = { namespace, name: 'builder', audiences: ['connectors-proxy'], expirationSeconds: 7200 };
    return this.api.identities.issueServiceAccount({ ...account, pod: { name: pod, uid: pod } }).token;
  }

  async stop(): Promise<void> {
    // An orderly end waits for the threads that look up names.
    this.#proxy?.signal('SIGKILL');
    await this.#proxy?.stop();
    await this.api.stop();
    rmSync(this.#directory, { recursive: true });
  }
}
