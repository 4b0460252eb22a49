import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createLog } from '../../../src/process/json-log.js';
import { inClusterConfig } from '../../../src/kube/in-cluster.js';
import { parseProxyConfig } from '../../../src/proxy/config.js';
import { kubernetesBackend } from '../../../src/proxy/kubernetes-backend.js';
import { Proxy } from '../../../src/proxy/proxy.js';
import { driverBindings } from '../access/driver-rules.js';
import { assertNoToken } from '../driver/canary.js';
import { eventually } from '../poll.js';
import { KubeApi } from '../kube-api/kube-api.js';
import type { KubeObject } from '../kube-api/resources.js';
import { quickTimings } from '../kube-client/test-client.js';
import { ProxyClient } from './proxy-client.js';
import { credentialCanary } from './proxy-stage.js';

const account = { namespace: 'connectors-system', name: 'connectors-proxy' };
const serviceAccount = `${account.namespace}/${account.name}`;

/** A proxy against the test API server, with the rights of deploy/proxy and no others. */
export class ClusterStage {
  readonly api: KubeApi;
  readonly #directory = mkdtempSync(path.join(tmpdir(), 'connectors-proxy-'));
  readonly #proxies: { readonly proxy: Proxy; readonly port: number }[] = [];
  #log = '';

  private constructor(api: KubeApi) {
    this.api = api;
    for (const binding of driverBindings('proxy/rbac.yaml', { serviceAccount })) {
      // The ClusterRole for credentials is bound by namespace only.
      const isCredentials = binding.rules.some(({ verbs }) => verbs.includes('get'));
      if (!isCredentials) api.bind(binding);
    }
  }

  static async start(): Promise<ClusterStage> {
    return new ClusterStage(await KubeApi.start());
  }

  put(...objects: readonly object[]): void {
    for (const object of objects) this.api.put(encoded(object as KubeObject & { readonly stringData?: object }));
  }

  /** Lets the proxy read the Secrets of a namespace. */
  bindCredentials(namespace: string): () => void {
    return this.api.bind({
      serviceAccount,
      namespace,
      rules: [{ verbs: ['get'], apiGroups: [''], resources: ['secrets'] }],
    });
  }

  /** Lets an account of namespace `ci` use a connector there. */
  allow(name: string, by = 'builder', resource = 'connectors', verb = 'get'): () => void {
    return this.api.bind({
      serviceAccount: `ci/${by}`,
      namespace: 'ci',
      rules: [{ verbs: [verb], apiGroups: ['connectors.alauda.io'], resources: [resource], resourceNames: [name] }],
    });
  }

  /** Starts a replica, and waits until it is ready unless told otherwise. */
  async replica({ untilReady = true } = {}): Promise<Proxy> {
    const { host, port, folder } = this.api.writeInClusterFiles(path.join(this.#directory, 'account'), account);
    const config = parseProxyConfig(
      [
        ...['--proxy-address', '127.0.0.1:0', '--http-address', '', '--allow-addresses', '127.0.0.0/8'],
        ...['--stop-delay', '0s', '--drain', '0s'],
      ],
      {},
    );
    const clock = { now: Date.now };
    const steadyNow = (): number => performance.now();
    const log = createLog('debug', { write: (line: string) => void (this.#log += line) });
    const { namespace, 'token-audience': audience } = config;
    const cluster = inClusterConfig({ host, port, folder }, steadyNow);
    const proxy = new Proxy({
      config,
      createBackend: (metrics) =>
        kubernetesBackend({ cluster, timings: quickTimings, namespace, audience, metrics, clock, steadyNow, log }),
      apiServer: [],
      clock,
      steadyNow,
      lookUp: () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]),
      log,
    });
    const { proxyPort } = await proxy.start();
    this.#proxies.push({ proxy, port: proxyPort });
    if (untilReady) {
      await eventually(
        `the proxy is ready: ${proxy.notReadyReason() ?? ''}`,
        () => proxy.notReadyReason() === undefined,
      );
    }
    return proxy;
  }

  token(name = 'builder', expirationSeconds = 600, audience = 'connectors-proxy'): string {
    const pod = { name: 'build-1', uid: 'b1c6dd2b-6a3a-4b7a-9d27-0d6e2e3b3c12' };
    return this.api.identities.issueServiceAccount({
      namespace: 'ci',
      name,
      audiences: [audience],
      expirationSeconds,
      pod,
    }).token;
  }

  client(connectors = 'ci/tool', token = this.token(), replica = 0): ProxyClient {
    const { proxy, port } = this.#proxies[replica]!;
    return new ProxyClient(port, connectors, token, proxy.authorityCertificate);
  }

  get log(): string {
    return this.#log;
  }

  async stop(): Promise<void> {
    for (const { proxy } of this.#proxies) await proxy.stop();
    await this.api.stop();
    rmSync(this.#directory, { recursive: true });
    assertNoToken(this.#log, "the proxy's log");
    if (this.#log.includes(credentialCanary)) throw new Error("a credential is in the proxy's log");
  }
}

/** As the API server keeps Secrets: everything in `data`. */
function encoded({ stringData, ...object }: KubeObject & { readonly stringData?: object }): KubeObject {
  if (stringData === undefined) return object;
  const data = Object.entries(stringData).map(([key, text]) => [key, Buffer.from(String(text)).toString('base64')]);
  return { ...object, data: Object.fromEntries(data) as object };
}
