import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import type { Agent } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { renderChart, type Values } from '../deploy/helm.ts';
import { applyAll, putNode } from '../deploy/installation.ts';
import type { Manifest } from '../deploy/manifests.ts';
import { DriverProcess } from '../driver/driver-process.ts';
import { NodeSandbox } from '../driver/node-sandbox.ts';
import type { TestVolume } from '../driver/test-volume.ts';
import { serviceName } from '../e2e/flow-fixture.ts';
import { hostNames } from '../e2e/host-names.ts';
import { ProxyProcess } from '../e2e/proxy-process.ts';
import { writeKubeconfig } from '../kube-api/credential-files.ts';
import { TestKubelet } from '../kubelet/test-kubelet.ts';
import { eventually } from '../poll.ts';
import { deployedEnv } from '../proxy/deployed-env.ts';
import { connector, grant, secret } from '../proxy/manifests.ts';
import { ProxyClient } from '../proxy/proxy-client.ts';
import { ToolServer, toolCa } from '../proxy/tool-server.ts';
import type { CommandRun, ControlPlane } from './control-plane.ts';

export const toolHost = 'tool.test';
export const login = { username: 'robot', password: 'CREDENTIAL-CANARY-of-the-tool' };
const basic = `Basic ${Buffer.from(`${login.username}:${login.password}`).toString('base64')}`;
const main = path.join(import.meta.dirname, '..', '..', '..', 'dist', 'main.js');
const nodeName = 'node-1';
const system = 'connectors-system';
/** Of a replica, beside the port of the proxy. */
const healthPort = 9808;

interface InstallationOptions {
  /** Of the chart, besides a proxy that can read the Secrets of `ci`. */
  readonly values?: Values;
  /** Where each replica listens, at port 80. Absent: one on a free port. */
  readonly addresses?: readonly string[];
  readonly driverFlags?: readonly string[];
  readonly proxyFlags?: readonly string[];
  /** Milliseconds after which the kubelet gives a call up. */
  readonly callTimeoutMs?: number;
}

interface Account {
  readonly file: string;
  /** As audit events name its token. */
  readonly credentialId: string;
}

/**
 * The chart's objects in a real API server, the built driver and built proxies, each with the rights of its account and
 * no others, a kubelet, and a tool behind the Connector ci/registry, which the account ci/builder can use.
 */
export class InstalledPrograms {
  readonly plane: ControlPlane;
  readonly work = mkdtempSync(path.join(tmpdir(), 'real-cluster-'));
  readonly node = new NodeSandbox();
  readonly kubelet: TestKubelet;
  readonly proxies: ProxyProcess[] = [];
  /** Of the proxies. */
  readonly accounts: Account[] = [];
  readonly addresses: readonly string[];
  readonly #driverFlags: readonly string[];
  readonly #proxyFlags: readonly string[];
  /** Of pods, by uid. */
  readonly #tokens = new Map<string, string>();
  #where = '/npm';
  tool!: ToolServer;
  driver!: DriverProcess;

  private constructor(plane: ControlPlane, options: InstallationOptions) {
    this.plane = plane;
    this.addresses = options.addresses ?? [];
    this.#driverFlags = options.driverFlags ?? [];
    this.#proxyFlags = options.proxyFlags ?? [];
    this.kubelet = new TestKubelet({
      kubeletDir: this.node.kubeletDir,
      firstBackoffMs: 50,
      maxBackoffMs: 200,
      ...(options.callTimeoutMs === undefined ? {} : { callTimeoutMs: options.callTimeoutMs }),
      issue: ({ uid }) => this.#tokens.get(uid) ?? '',
    });
  }

  static async start(plane: ControlPlane, options: InstallationOptions = {}): Promise<InstalledPrograms> {
    const installed = new InstalledPrograms(plane, options);
    await installed.#install(options.values ?? {});
    return installed;
  }

  async #install(values: Values): Promise<void> {
    const { plane } = this;
    this.tool = await ToolServer.start('https', undefined, [toolHost]);
    this.tool.answer = (_request, response, { headers }) => {
      const isKnown = headers.authorization === basic;
      response.writeHead(isKnown ? 200 : 401).end(isKnown ? 'the content' : 'no credential');
    };
    await applyAll(plane, [
      ...[system, 'ci'].map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { namespace: 'ci', name: 'builder' } },
      ...(await renderChart({ proxy: { enabled: true, credentialNamespaces: ['ci'] }, ...values })),
    ]);
    await this.put(
      secret('login', 'kubernetes.io/basic-auth', login),
      toolCa,
      ...grant('builder', ['registry']),
      this.registry,
    );
    await putNode(plane, nodeName, 'v1.36.3');
    // As a node's is, before anything is mounted there.
    this.node.share();
    this.kubelet.start();
    await this.kubeconfigOf('connectors-csi', 'driver');
    await this.startDriver();
    if (this.addresses.length === 0) await this.startReplica([]);
    for (const address of this.addresses)
      await this.startReplica(['--http-address', `${address}:${healthPort}`], `${address}:80`);
  }

  /** Starts another proxy. @param address where it listens; a free port unless given. */
  async startReplica(flags: readonly string[], address = '127.0.0.1:0'): Promise<ProxyProcess> {
    const account = await this.kubeconfigOf('connectors-proxy', `proxy-${this.accounts.length}`);
    this.accounts.push(account);
    const options = { directory: this.work, hosts: [toolHost], address, env: deployedEnv() };
    const proxy = await ProxyProcess.start({
      ...options,
      flags: ['--kubeconfig', account.file, ...this.#proxyFlags, ...flags],
    });
    this.proxies.push(proxy);
    return proxy;
  }

  /** Ends the programs, removes what they have, and asserts that no log has a credential. */
  async stop(): Promise<void> {
    await this.kubelet.endAll();
    await this.kubelet.stop();
    for (const each of this.proxies) await each.stop();
    await this.driver.stop();
    await this.tool.stop();
    // No kubelet ends them.
    for (const namespace of [system, 'ci']) {
      const path = `/api/v1/namespaces/${namespace}/pods?gracePeriodSeconds=0`;
      await this.plane.admin.request({ method: 'DELETE', path });
    }
    await this.plane.admin.remove({ apiVersion: 'v1', kind: 'Node', metadata: { name: nodeName } });
    this.node.remove();
    rmSync(this.work, { recursive: true });
    for (const { log } of this.proxies) assert.ok(!log.includes(login.password) && !/eyJ[-\w]+\.eyJ/.test(log));
  }

  file(name: string): string {
    return path.join(this.work, name);
  }

  put(...objects: readonly object[]): Promise<void> {
    return this.plane.admin.apply(objects as readonly Manifest[]);
  }

  /** The Connector ci/registry. */
  get registry(): Manifest {
    return connector('registry', this.#address, {
      ...{ className: 'npm', auth: 'basicAuth', secret: 'login', caSecret: 'tool-ca' },
    }) as Manifest;
  }

  /** Has the Connector lead to another path of the tool. */
  async moveTo(where: string): Promise<void> {
    this.#where = where;
    await this.put(this.registry);
  }

  /** What programs of pods get from the tool. */
  get content(): string {
    return `${this.#address}/package`;
  }

  get #address(): string {
    return `${this.tool.url(toolHost)}${this.#where}`;
  }

  async shell(command: string): Promise<string> {
    const { status, stdout, stderr } = await this.plane.run(command);
    assert.equal(status, 0, stderr);
    return stdout;
  }

  /** Flags of the driver. */
  get driverFlags(): readonly string[] {
    return [
      ...['--connector-source', 'kubernetes', '--manifests', '', '--kubeconfig', this.file('driver')],
      ...['--registration-dir', this.kubelet.registryDir, '--kubelet-endpoint', this.node.socketPath],
      ...this.#driverFlags,
    ];
  }

  async startDriver(): Promise<void> {
    this.driver = await DriverProcess.start(this.node, this.driverFlags);
    await this.kubelet.untilRegistered();
  }

  /** Runs `doctor` where the name of the Service leads to the first replica. */
  doctor(args: readonly string[]): Promise<CommandRun> {
    const names = { [this.addresses[0] ?? '']: [serviceName], '127.0.0.1': ['localhost'] };
    const [program = '', ...words] = hostNames(this.file('hosts-of-doctor'), names, 'unchanged');
    return new Promise((resolve) => {
      execFile(program, [...words, process.execPath, main, 'doctor', ...args], (error, stdout, stderr) => {
        resolve({ status: error === null ? 0 : Number(error.code), stdout, stderr });
      });
    });
  }

  /** Requests a token as the administrator, or as the kubelet of the node. */
  async requestToken(account: string, spec: object, as = this.plane.admin): Promise<string> {
    const [namespace, name] = account.split('/');
    let token = '';
    let answer = '';
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec };
    // The authorizer of nodes learns of a new pod a moment later.
    await eventually(
      () => answer,
      async () => {
        const where = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
        const { code, text } = await as.request({ method: 'POST', path: where, body });
        answer = text;
        if (code === 201) ({ token } = (JSON.parse(text) as { readonly status: { readonly token: string } }).status);
        return code === 201;
      },
      20_000,
    );
    return token;
  }

  /** Writes a kubeconfig with a token of a pod on the node, of an account of the chart. */
  async kubeconfigOf(account: string, name: string): Promise<Account> {
    const pod = await this.#createPod({ namespace: system, name }, account);
    const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', ...pod };
    const token = await this.requestToken(`${system}/${account}`, { expirationSeconds: 3600, boundObjectRef });
    writeKubeconfig(this.file(name), {
      ...{ server: this.plane.url, ca: this.plane.authority.certificate, user: { token } },
    });
    const claims = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString();
    return { file: this.file(name), credentialId: `JTI=${(JSON.parse(claims) as { readonly jti: string }).jti}` };
  }

  /** Creates a pod with a volume on the node, and has the kubelet's token for it. */
  async createPod(name: string, volumeAttributes: object, account = 'builder'): Promise<TestVolume> {
    const csi = { driver: 'connectors-csi', readOnly: true, volumeAttributes };
    const pod = await this.#createPod({ namespace: 'ci', name }, account, [{ name: 'connectors', csi }]);
    const ofNode = this.plane.admin.as({
      ...{ user: `system:node:${nodeName}`, groups: ['system:nodes', 'system:authenticated'] },
    });
    const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', ...pod };
    const spec = { audiences: ['connectors-proxy'], expirationSeconds: 1800, boundObjectRef };
    this.#tokens.set(pod.uid, await this.requestToken(`ci/${account}`, spec, ofNode));
    return this.node.unpreparedVolume({ ...pod, serviceAccountName: account });
  }

  async #createPod(
    metadata: { readonly namespace: string; readonly name: string },
    serviceAccountName: string,
    volumes: readonly object[] = [],
  ): Promise<{ readonly name: string; readonly uid: string }> {
    const spec = { nodeName, serviceAccountName, containers: [{ name: 'build', image: 'build' }], volumes };
    const { code, text, warnings } = await this.plane.admin.create({ apiVersion: 'v1', kind: 'Pod', metadata, spec });
    assert.deepEqual([code, warnings], [201, []], text);
    const created = JSON.parse(text) as { readonly metadata: { readonly uid: string } };
    return { name: metadata.name, uid: created.metadata.uid };
  }

  /** What a program of a pod gets from the tool through the first replica, such as `200 the content`. */
  async get(volume: TestVolume, agent?: Agent): Promise<string> {
    const { 'context.token': token = '', 'ca.crt': ca = '' } = volume.read();
    const { port } = this.proxies[0]!;
    const client = new ProxyClient(port, 'ci/registry', token, ca, undefined, this.addresses[0]);
    const { status, body } = await client.get(this.content, {}, agent);
    return `${status} ${body}`;
  }

  /** Status and reason of a condition of the Connector in its present form, such as `True Ready`. */
  async condition(type: string): Promise<string> {
    const { metadata, status = {} } = ((await this.plane.admin.find(this.registry)) ?? {}) as Judged;
    const condition = status.conditions?.find((each) => each.type === type);
    if (condition === undefined || condition.observedGeneration !== metadata?.generation) return '';
    return `${condition.status} ${condition.reason}`;
  }

  /** Waits until the proxy has found the Connector in its present form to be ready. */
  async isJudged(): Promise<void> {
    let found = '';
    await eventually(
      () => `the Connector is ready: ${found}`,
      async () => (found = await this.condition('Ready')).startsWith('True '),
    );
  }
}

interface Judged {
  readonly metadata?: { readonly generation: number };
  readonly status?: {
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly reason: string;
      readonly observedGeneration: number;
    }[];
  };
}
