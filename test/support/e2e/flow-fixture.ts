import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import type { Purpose } from '../access/driver-rules.ts';
import { classesFolder } from '../classes/class-cases.ts';
import { only, rendered } from '../deploy/manifests.ts';
import { DriverProcess } from '../driver/driver-process.ts';
import { NodeSandbox } from '../driver/node-sandbox.ts';
import type { TestVolume, VolumeIdentity } from '../driver/test-volume.ts';
import { KubeApi } from '../kube-api/kube-api.ts';
import { eventually } from '../poll.ts';
import { connector, grant, secret } from '../proxy/manifests.ts';
import type { ConnectorOptions } from '../proxy/manifests.ts';
import { annotated } from '../rules/rule-sets.ts';
import { toolCa } from '../proxy/tool-server.ts';
import { Canaries } from './canaries.ts';
import { bindDeployed } from './deployed-bindings.ts';
import { hostNames, ownAddress } from './host-names.ts';
import type { HostTable } from './host-names.ts';
import { needs } from './rendered-classes.ts';
import { run, runTask } from './programs.ts';
import type { Run } from './programs.ts';
import { ProxyProcess } from './proxy-process.ts';
import { encodedSecret } from './secret-data.ts';
import type { WrittenObject } from './secret-data.ts';

/** The password of every tool: whatever else it is found in has leaked. */
export const toolPassword = 'CREDENTIAL-CANARY-of-the-tool';

/** Where the proxy has its metrics. */
const metricsAddress = `${ownAddress}:9808`;
/** All that others than their owners may read. */
const readableResources = ['connectors', 'connectorclasses', 'leases', 'accessrequests', 'configmaps'];

export interface FlowOptions {
  /** Names of tools, which nobody but the proxy finds. */
  readonly hosts: readonly string[];
  /** More of them, at port 443 of `ownAddress`. */
  readonly knownHosts?: readonly string[];
  /** More of them, at other addresses. */
  readonly otherHosts?: HostTable;
  /**
   * Whether the proxy is where its Service is, by name and port, and is the one that writes the status of Connectors. Programs
   * find the Service and no other name. Else its port is a free one, and the fixture gives Connectors that address.
   */
  readonly isAtService?: boolean;
  /** More flags of the proxy. */
  readonly proxyFlags?: readonly string[];
  /** Roles that the proxy has too. */
  readonly optionalRoles?: readonly Purpose[];
}

export interface FlowVolume extends VolumeIdentity {
  readonly attributes: Readonly<Record<string, string>>;
  /** Of the token. */
  readonly expirationSeconds?: number;
}

/**
 * Both halves as processes against the test API server: the built driver and the built proxy with the rights of deploy/,
 * the classes of the chart, and volumes for programs. Connectors and accounts are of namespace ci.
 */
export class FlowFixture {
  readonly api: KubeApi;
  readonly node = new NodeSandbox();
  /** For programs to work in. */
  readonly work = path.join(this.node.root, 'work');
  readonly #cleanups: (() => unknown)[] = [];
  #proxy: ProxyProcess | undefined;
  /** Logs and metrics of proxies that have ended. */
  #proxyTexts = '';
  #driver: DriverProcess | undefined;
  readonly #options: FlowOptions;
  /** The words that programs are run with. */
  readonly #through: readonly string[];
  readonly #canaries = new Canaries(toolPassword);

  private constructor(api: KubeApi, options: FlowOptions) {
    this.api = api;
    this.#options = options;
    this.#through =
      options.isAtService === true
        ? hostNames(path.join(this.node.root, 'hosts-of-pods'), {
            [ownAddress]: [serviceName],
            '127.0.0.1': ['localhost'],
          })
        : [];
    mkdirSync(this.work);
  }

  static async start(options: FlowOptions): Promise<FlowFixture> {
    const fixture = new FlowFixture(await KubeApi.start(), options);
    try {
      await fixture.#start();
    } catch (error) {
      await fixture.stop();
      throw error;
    }
    return fixture;
  }

  get proxy(): ProxyProcess {
    return this.#proxy!;
  }

  get driver(): DriverProcess {
    return this.#driver!;
  }

  /** Called last to first when the fixture ends. */
  onStop(clean: () => unknown): void {
    this.#cleanups.push(clean);
  }

  put(...objects: readonly object[]): void {
    for (const object of objects as readonly WrittenObject[]) {
      this.#canaries.addSecret(object.stringData ?? {});
      this.api.put(encodedSecret(object));
    }
  }

  /**
   * A connector, which trusts the tools' CA. It has the proxy's address unless the proxy itself writes that.
   * @param scheme `https` needs the flags `--tls-address` and `--tls-names localhost`.
   */
  connect(name: string, address: string, options: ConnectorOptions = {}, scheme: 'http' | 'https' = 'http'): void {
    const object = connector(name, address, { caSecret: 'tool-ca', ...options });
    if (this.#options.isAtService === true) {
      this.put(object);
      return;
    }
    // Node rejects an IP address as the name of a TLS server.
    const host = scheme === 'https' ? `localhost:${this.proxy.tlsPort}` : `127.0.0.1:${this.proxy.port}`;
    const httpAddress = {
      url: `${scheme}://${host}/namespaces/ci/connectors/${name}`,
      audience: 'connectors-proxy',
      CACerts: this.authority,
    };
    this.put({ ...object, status: { proxy: { httpAddress } } });
  }

  /** Lets an account use connectors. @returns takes the right back. */
  allow(names: readonly string[], account = 'builder'): () => void {
    const [role] = grant(account, names) as readonly { readonly rules: Parameters<KubeApi['bind']>[0]['rules'] }[];
    return this.api.bind({ serviceAccount: `ci/${account}`, namespace: 'ci', rules: role?.rules ?? [] });
  }

  /** Status and reason of a condition of a Connector, such as `True Ready`, and its message. */
  condition(name: string, type: string): { readonly is: string; readonly message: string } {
    const status = this.api.get('connectors', { namespace: 'ci', name })?.['status'];
    const { conditions = [] } = (status ?? {}) as { readonly conditions?: readonly Record<string, string>[] };
    const found = conditions.find((each) => each['type'] === type) ?? {};
    return { is: `${found['status']} ${found['reason']}`, message: found['message'] ?? '' };
  }

  /** The CA's certificate of the proxy, PEM. */
  get authority(): string {
    const found = this.api.get('secrets', { namespace: 'connectors-system', name: 'connectors-proxy-ca' });
    const data = found?.['data'] as Readonly<Record<string, string>> | undefined;
    return Buffer.from(data?.['tls.crt'] ?? '', 'base64').toString();
  }

  /** A volume as a pod has it, mounted. */
  async volume({ attributes, expirationSeconds = 600, ...identity }: FlowVolume): Promise<TestVolume> {
    const volume = this.node.volume(identity);
    await this.publish(volume, attributes, expirationSeconds);
    return volume;
  }

  /** What the kubelet does, first and again: with a new token. */
  async publish(volume: TestVolume, attributes: FlowVolume['attributes'], expirationSeconds = 600): Promise<void> {
    const { namespace, serviceAccountName, name, uid } = volume.pod;
    volume.token = this.api.identities.issueServiceAccount({
      ...{ namespace, name: serviceAccountName, pod: { name, uid } },
      ...{ audiences: ['connectors-proxy'], expirationSeconds },
    }).token;
    await this.driver.kubelet.publishVolume(volume, { attributes });
  }

  /** Runs a script in a volume, after reading `.env`, and asserts that it succeeds. @returns what it prints. */
  async task(volume: TestVolume, script: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
    const { status, stdout, output } = await this.try(volume, script, env);
    assert.equal(status, 0, `${output}\n${this.proxy.log.slice(-3000)}`);
    return stdout;
  }

  /** As `task`, whatever comes of it. */
  async try(volume: TestVolume, script: string, env: NodeJS.ProcessEnv = {}): Promise<Run> {
    return this.#withoutCredential(await runTask(volume.target, script, this.#environment(env), this.#through));
  }

  /** Runs a script that knows of no volume. */
  without(script: string, env: NodeJS.ProcessEnv = {}): Promise<Run> {
    return this.run(['sh', '-ec', script], this.work, env);
  }

  /** Runs a program as it is, whatever comes of it. */
  async run(words: readonly string[], directory: string, env: NodeJS.ProcessEnv = {}): Promise<Run> {
    const [program = '', ...args] = [...this.#through, ...words];
    return this.#withoutCredential(await run(program, args, directory, this.#environment(env)));
  }

  /** Ends it, and asserts that no log, metric and object has a credential or a pod's token. */
  async stop(): Promise<void> {
    for (const clean of this.#cleanups.splice(0).reverse()) await clean();
    await this.#driver?.stop();
    await this.#stopProxy();
    const objects = readableResources.flatMap((resource) => this.api.list(resource));
    await this.api.stop();
    this.node.remove();
    this.#canaries.assertPublic(this.#driver?.stderr ?? '', "the driver's log");
    this.#canaries.assertPublic(this.#proxyTexts, "the proxy's log or metrics");
    this.#canaries.assertPublic(JSON.stringify(objects), 'an object');
  }

  /** Programs print errors of the proxy and of tools. Their own token is theirs to print. */
  #withoutCredential(ran: Run): Run {
    this.#canaries.assertAbsent(ran.output, 'the output of a program');
    return ran;
  }

  #environment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
    return { HOME: this.work, TMPDIR: this.work, ...env };
  }

  async #start(): Promise<void> {
    const { api, node } = this;
    const file = (name: string): string => path.join(node.root, name);
    for (const name of ['proxy', 'driver']) api.writeKubeconfig(file(`${name}.kubeconfig`), { name });
    bindDeployed(api, this.#options.optionalRoles ?? []);
    this.put(only(rendered('driver'), 'CSIDriver'));
    this.put({
      apiVersion: 'connectors.alauda.io/v1alpha1',
      kind: 'ConnectorClass',
      // With rules, requests of all programs must be canonical.
      metadata: { name: 'any', ...annotated({ rules: '- deny: { paths: [/never] }' }) },
      spec: { proxy: this.#classProxy },
    });
    this.put(toolCa);
    this.put(secret('login', 'kubernetes.io/basic-auth', { username: 'robot', password: toolPassword }));
    this.#proxy = await this.#startProxy();
    this.#driver = await this.#startDriver();
    await eventually('the proxy has made its CA', () => this.authority !== '');
  }

  #startDriver(): Promise<DriverProcess> {
    const kubeconfig = path.join(this.node.root, 'driver.kubeconfig');
    return DriverProcess.start(this.node, [
      ...['--connector-source', 'kubernetes', '--manifests', '', '--kubeconfig', kubeconfig],
    ]);
  }

  /** Ends the driver and starts another one. @param meanwhile runs while there is none. */
  async restartDriver(meanwhile: () => Promise<void>): Promise<void> {
    await this.driver.stop();
    this.#canaries.assertPublic(this.driver.stderr, "the driver's log");
    await meanwhile();
    this.#driver = await this.#startDriver();
  }

  #startProxy(): Promise<ProxyProcess> {
    const { hosts, knownHosts = [], otherHosts, isAtService, proxyFlags = [] } = this.#options;
    const kubeconfig = path.join(this.node.root, 'proxy.kubeconfig');
    return ProxyProcess.start({
      directory: this.node.root,
      hosts,
      otherHosts: { [ownAddress]: knownHosts, ...otherHosts },
      ...(isAtService === true ? { address: `${ownAddress}:80` } : {}),
      flags: ['--kubeconfig', kubeconfig, '--http-address', metricsAddress, ...proxyFlags],
    });
  }

  async #stopProxy(): Promise<void> {
    if (this.#proxy?.hasEnded === false) {
      const metrics = await (await fetch(`http://${metricsAddress}/metrics`)).text();
      assert.match(metrics, /^connectors_proxy_/m);
      this.#proxyTexts += metrics;
    }
    await this.#proxy?.stop();
    this.#proxyTexts += this.#proxy?.log ?? '';
  }

  /** Ends the proxy and starts another one. */
  async restartProxy(): Promise<void> {
    await this.#stopProxy();
    this.#proxy = await this.#startProxy();
  }

  /** A class of the chart. */
  useClass(name: string): void {
    const text = readFileSync(path.join(classesFolder, `${name}.yaml`), 'utf8');
    const object = parse(text) as { readonly spec: object };
    this.put({ ...object, spec: { ...object.spec, proxy: this.#classProxy } });
  }

  get #classProxy(): object {
    // Another one than the proxy's own Service: the address is one that programs here can reach.
    const name = this.#options.isAtService === true ? 'connectors-proxy-service' : 'proxy-on-loopback';
    return { ref: { kind: 'Service', namespace: 'connectors-system', name } };
  }
}

/** Where pods find the proxy. */
export const serviceName = 'connectors-proxy-service.connectors-system.svc.cluster.local';

/** To be called in a suite, whose hooks it adds to. Skips it where programs are missing. */
export function useFlowFixture(
  options: FlowOptions,
  programs: readonly string[],
  prepare: (fixture: FlowFixture) => Promise<void> | void,
): { readonly fixture: FlowFixture } {
  let fixture: FlowFixture | undefined;
  before('programs', needs(...programs));
  before('fixture', async () => {
    fixture = await FlowFixture.start(options);
    await prepare(fixture);
  });
  after(() => fixture?.stop());
  return {
    get fixture() {
      return fixture!;
    },
  };
}
