import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createLog } from '../../../src/shared/process/json-log.ts';
import type { ClusterConfig } from '../../../src/shared/kube/cluster-config.ts';
import { inClusterConfig } from '../../../src/shared/kube/load-cluster-config.ts';
import { parseProxyConfig } from '../../../src/proxy/config.ts';
import { kubernetesBackend } from '../../../src/proxy/kubernetes-backend.ts';
import { Proxy } from '../../../src/proxy/proxy.ts';
import type { ProxyParts } from '../../../src/proxy/proxy.ts';
import { bindingsFor } from '../access/driver-rules.ts';
import { assertNoToken } from '../driver/canary.ts';
import { eventually } from '../poll.ts';
import { KubeApi } from '../kube-api/kube-api.ts';
import type { KubeObject } from '../kube-api/resources.ts';
import { quickTimings } from '../kube-client/quick-timings.ts';
import { ProxyClient } from './proxy-client.ts';
import { credentialCanary } from './proxy-fixture.ts';

const account = { namespace: 'connectors-system', name: 'connectors-proxy' };
const serviceAccount = `${account.namespace}/${account.name}`;

export interface ConnectorStatus {
  readonly proxy?: {
    readonly httpAddress: { readonly url: string; readonly audience: string; readonly CACerts: string };
  };
  readonly observedGeneration?: number;
  readonly conditions?: readonly {
    readonly type: string;
    readonly status: string;
    readonly reason: string;
    readonly message: string;
    readonly lastTransitionTime: string;
    readonly observedGeneration: number;
  }[];
}

/** The pod that tokens are bound to unless another is named. */
export const buildPod = { name: 'build-1', uid: 'b1c6dd2b-6a3a-4b7a-9d27-0d6e2e3b3c12' };

/** Everything that only tests would wait for. */
const quickStatus = {
  durationMs: 10_000,
  renewDeadlineMs: 8_000,
  intervalMs: 50,
  retryMs: 50,
  againMs: 50,
  unreadyMs: 250,
  minMs: 20,
  confirmMs: 50,
  checkMs: 60_000,
};

/** A proxy against the test API server, with the rights of deploy/ and no others. */
export class ClusterFixture {
  /** Time by which the monotonic clock of the replicas is ahead. */
  skippedMs = 0;
  /** Time by which the clock of the replicas is ahead. */
  aheadMs = 0;
  readonly api: KubeApi;
  readonly #directory = mkdtempSync(path.join(tmpdir(), 'connectors-proxy-'));
  readonly #proxies: {
    readonly proxy: Proxy;
    readonly port: number;
    readonly tlsPort: number;
    readonly httpPort: number;
  }[] = [];
  /** Of replicas that start later. */
  maxObjectBytes = 1 << 20;
  /** Names and what they resolve to; others are 127.0.0.1. */
  names: Readonly<Record<string, string>> = {};
  readonly #bound: (() => void)[] = [];
  #log = '';
  /** Limit of requests for tokens, of replicas that start later. */
  issuerTimeoutMs = 30_000;
  /** What is waited for between two looks; replicas that start later have them. */
  statusTimings: NonNullable<ProxyParts['statusTimings']> = { ...quickStatus };

  private constructor(api: KubeApi) {
    this.api = api;
    this.#bind();
  }

  /** The rights of the proxy but for one resource; the returned function gives it back. */
  withoutRights(resource: string): () => void {
    this.#bind(resource);
    return () => this.#bind();
  }

  #bind(without?: string): void {
    for (const unbind of this.#bound.splice(0)) unbind();
    for (const { rules, ...binding } of bindingsFor('proxy', { serviceAccount })) {
      // The ClusterRoles for credentials and identities are bound by namespace only.
      const isCredentials =
        binding.namespace === undefined &&
        rules.some(
          ({ resources = [] }) => resources.includes('secrets') || resources.includes('serviceaccounts/token'),
        );
      const kept = rules.filter(({ resources }) => without === undefined || !resources?.includes(without));
      if (!isCredentials) this.#bound.push(this.api.bind({ ...binding, rules: kept }));
    }
  }

  static async start(): Promise<ClusterFixture> {
    return new ClusterFixture(await KubeApi.start());
  }

  /** Keeps the status of what is there already, as the API server does. */
  put(...objects: readonly object[]): void {
    for (const object of objects as readonly (KubeObject & { readonly stringData?: object })[]) {
      const plural = { Connector: 'connectors', ConnectorClass: 'connectorclasses' }[object.kind];
      const status = plural && this.api.get(plural, object.metadata)?.['status'];
      this.api.put({ ...(status === undefined ? {} : { status }), ...encoded(object) });
    }
  }

  /** Lets the proxy read the Secrets of a namespace. */
  bindCredentials(namespace: string): () => void {
    return this.api.bind({
      serviceAccount,
      namespace,
      rules: [{ verbs: ['get'], apiGroups: [''], resources: ['secrets'] }],
    });
  }

  /** Lets the proxy create tokens of a namespace's service accounts. */
  bindIdentities(namespace: string, resourceNames?: readonly string[]): () => void {
    const rule = { verbs: ['create'], apiGroups: [''], resources: ['serviceaccounts/token'] };
    return this.api.bind({ serviceAccount, namespace, rules: [{ ...rule, ...(resourceNames && { resourceNames }) }] });
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
  async replica({ untilReady = true, httpAddress = '', flags = [] as readonly string[] } = {}): Promise<Proxy> {
    const config = parseProxyConfig(
      [
        ...['--proxy-address', '127.0.0.1:0', '--http-address', httpAddress, '--allow-upstream-cidrs', '127.0.0.0/8'],
        ...['--shutdown-delay', '0s', '--drain-timeout', '0s'],
        ...flags,
      ],
      {},
    );
    const clock = { now: () => Date.now() + this.aheadMs };
    const monotonicNow = (): number => performance.now() + this.skippedMs;
    const log = createLog('debug', { write: (line: string) => void (this.#log += line) });
    const { namespace, 'token-audience': audience } = config;
    const { maxObjectBytes } = this;
    const cluster = this.clusterConfig();
    const proxy = new Proxy({
      config,
      createBackend: (metrics, threads) =>
        kubernetesBackend({
          ...{ cluster, timings: quickTimings, namespace, audience, maxObjectBytes },
          ...{ metrics, threads, clock, monotonicNow, log },
        }),
      apiServer: [],
      clock,
      monotonicNow,
      lookUp: (host) => Promise.resolve([{ address: this.names[host] ?? '127.0.0.1', family: 4 }]),
      log,
      issuerTimeoutMs: this.issuerTimeoutMs,
      statusTimings: this.statusTimings,
    });
    const { proxyPort, tlsPort = 0, httpPort = 0 } = await proxy.start();
    this.#proxies.push({ proxy, port: proxyPort, tlsPort, httpPort });
    if (untilReady) {
      await eventually(
        `the proxy is ready: ${proxy.notReadyReason() ?? ''}`,
        () => proxy.notReadyReason() === undefined,
      );
    }
    return proxy;
  }

  /** The API server as an account of the proxy's namespace sees it; the proxy's own unless another is named. */
  clusterConfig(name = account.name): ClusterConfig {
    const where = path.join(this.#directory, name);
    const { host, port, folder } = this.api.writeInClusterFiles(where, { ...account, name });
    return inClusterConfig({ host, port, folder }, () => performance.now());
  }

  get replicas(): readonly Proxy[] {
    return this.#proxies.map(({ proxy }) => proxy);
  }

  /** Of the first replica. */
  get ports(): { readonly port: number; readonly tlsPort: number; readonly httpPort: number } {
    return this.#proxies[0] ?? { port: 0, tlsPort: 0, httpPort: 0 };
  }

  token(name = 'builder', expirationSeconds = 600, audience = 'connectors-proxy', pod = buildPod): string {
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

  /** The status of a Connector of namespace `ci`. */
  status(name = 'tool'): ConnectorStatus {
    return this.api.get('connectors', { namespace: 'ci', name })?.['status'] ?? {};
  }

  /** As `True Ready`: status and reason of a Connector's condition. */
  condition(type: string, name = 'tool'): string {
    const found = this.status(name).conditions?.find((condition) => condition.type === type);
    return found === undefined ? '' : `${found.status} ${found.reason}`;
  }

  /** Waits until a Connector has a condition, such as `True Ready`. */
  becomes(type: string, expected: string, name?: string): Promise<void> {
    return eventually(
      () => `${type} is ${expected}, not ${this.condition(type, name)}`,
      () => this.condition(type, name) === expected,
      40_000,
    );
  }

  message(type: string, name = 'tool'): string {
    return this.status(name).conditions?.find((condition) => condition.type === type)?.message ?? '';
  }

  async stop(): Promise<void> {
    for (const { proxy } of this.#proxies) await proxy.stop();
    await this.api.stop();
    rmSync(this.#directory, { recursive: true });
    for (const kind of ['connectors', 'connectorclasses']) {
      const text = JSON.stringify(this.api.list(kind), (_, value: unknown) =>
        typeof value === 'bigint' ? String(value) : value,
      );
      if (text.includes(credentialCanary)) throw new Error(`a credential is in the status of ${kind}`);
    }
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
