import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { putNode } from '../../support/deploy/installation.ts';
import { deployFolder, type Manifest } from '../../support/deploy/manifests.ts';
import { DriverProcess } from '../../support/driver/driver-process.ts';
import { NodeSandbox } from '../../support/driver/node-sandbox.ts';
import type { TestVolume } from '../../support/driver/test-volume.ts';
import { serviceName } from '../../support/e2e/flow-fixture.ts';
import { hostNames, needsKnownPorts, otherAddress, ownAddress } from '../../support/e2e/host-names.ts';
import { runTask } from '../../support/e2e/programs.ts';
import { ProxyProcess } from '../../support/e2e/proxy-process.ts';
import { needs } from '../../support/e2e/rendered-classes.ts';
import { writeKubeconfig } from '../../support/kube-api/credential-files.ts';
import { TestKubelet } from '../../support/kubelet/test-kubelet.ts';
import { ControlPlane } from '../../support/kubernetes/control-plane.ts';
import { needsKubernetes } from '../../support/kubernetes/installed.ts';
import { eventually } from '../../support/poll.ts';
import { connector, grant, secret } from '../../support/proxy/manifests.ts';
import { ToolServer, toolCa } from '../../support/proxy/tool-server.ts';

const host = 'tool.test';
const login = { username: 'robot', password: 'CREDENTIAL-CANARY-of-the-tool' };
const basic = `Basic ${Buffer.from(`${login.username}:${login.password}`).toString('base64')}`;
const attributes = { connectors: 'registry', 'configuration.names': 'npmrc' };
/** Where each of the two replicas is at the port of their Service. */
const addresses = [ownAddress, otherAddress] as const;
const auditPolicy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [{ level: 'Metadata', userGroups: ['system:serviceaccounts:connectors-system'] }],
};

interface AuditEvent {
  readonly verb: string;
  readonly requestURI: string;
  readonly user: { readonly username: string; readonly extra?: Readonly<Record<string, readonly string[]>> };
  readonly objectRef?: { readonly subresource?: string };
  readonly responseStatus?: { readonly code: number };
}

/** The chart's objects, the built driver and two built proxies, each with the rights of its account and no others. */
describe('both programs with a real API server', function () {
  this.timeout(180_000);
  const work = mkdtempSync(path.join(tmpdir(), 'real-cluster-'));
  const node = new NodeSandbox();
  const tokens = new Map<string, string>();
  const kubelet = new TestKubelet({
    kubeletDir: node.kubeletDir,
    firstBackoffMs: 50,
    maxBackoffMs: 200,
    issue: ({ uid }) => tokens.get(uid) ?? '',
  });
  const proxies: ProxyProcess[] = [];
  /** Of the tokens of the proxies. */
  const credentialIds: string[] = [];
  let plane: ControlPlane;
  let tool: ToolServer;
  let driver: DriverProcess;
  let volume: TestVolume;
  /** The events while the API server started: it knows no roles then. */
  const outage = { from: 0, to: 0 };

  before(needs('kubectl', 'curl'));
  before(needsKubernetes);
  before(needsKnownPorts);
  before(async () => {
    writeFileSync(file('audit.yaml'), JSON.stringify(auditPolicy));
    const flags = [`--audit-policy-file=${file('audit.yaml')}`, `--audit-log-path=${file('audit.log')}`];
    plane = await ControlPlane.start({ flags });
    tool = await ToolServer.start('https', undefined, [host]);
    tool.answer = (_request, response, { headers }) =>
      void response.writeHead(headers.authorization === basic ? 200 : 401).end('the content');
    for (const name of ['crds', 'standalone', 'classes'])
      await shell(`kubectl apply -f ${path.join(deployFolder, 'manifests', `${name}.yaml`)}`);
    await shell(
      'kubectl create namespace ci; kubectl -n ci create serviceaccount builder; kubectl -n ci create rolebinding ' +
        'proxy --clusterrole connectors-proxy-credentials --serviceaccount connectors-system:connectors-proxy',
    );
    await put(
      secret('login', 'kubernetes.io/basic-auth', login),
      toolCa,
      ...grant('builder', ['registry']),
      registry(),
    );
    await putNode(plane, 'node-1', 'v1.36.3');
    kubelet.start();
    await kubeconfigOf('connectors-csi', 'driver');
    await startDriver();
    for (const [index, address] of addresses.entries()) {
      const account = await kubeconfigOf('connectors-proxy', `proxy-${index}`);
      credentialIds.push(account.credentialId);
      proxies.push(
        await ProxyProcess.start({
          ...{ directory: work, hosts: [host], address: `${address}:80` },
          flags: ['--kubeconfig', account.file, '--http-address', `${address}:9808`],
        }),
      );
    }
  });
  after(async () => {
    await kubelet.stop();
    for (const each of proxies) await each.stop();
    await driver.stop();
    await tool.stop();
    await plane.stop();
    node.remove();
    rmSync(work, { recursive: true });
    for (const { log } of proxies) assert.ok(!log.includes(login.password) && !/eyJ[-\w]+\.eyJ/.test(log));
  });

  const file = (name: string): string => path.join(work, name);
  const put = (...objects: readonly object[]): Promise<void> => plane.admin.apply(objects as readonly Manifest[]);
  const registry = (where = '/npm'): object =>
    connector('registry', `${tool.url(host)}${where}`, {
      ...{ className: 'npm', auth: 'basicAuth', secret: 'login', caSecret: 'tool-ca' },
    });

  async function startDriver(): Promise<void> {
    driver = await DriverProcess.start(node, [
      ...['--connector-source', 'kubernetes', '--manifests', '', '--kubeconfig', file('driver')],
      ...['--registration-dir', kubelet.registryDir, '--kubelet-endpoint', node.socketPath],
    ]);
    await kubelet.untilRegistered();
  }

  async function shell(command: string): Promise<string> {
    const { status, stdout, stderr } = await plane.run(command);
    assert.equal(status, 0, stderr);
    return stdout;
  }

  /** Requests a token as the administrator, or as the kubelet of the node. */
  async function requestToken(account: string, spec: object, as = plane.admin): Promise<string> {
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

  async function kubeconfigOf(account: string, name: string): Promise<{ file: string; credentialId: string }> {
    const token = await requestToken(`connectors-system/${account}`, { expirationSeconds: 3600 });
    writeKubeconfig(file(name), { server: plane.url, ca: plane.authority.certificate, user: { token } });
    const claims = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString();
    return { file: file(name), credentialId: `JTI=${(JSON.parse(claims) as { readonly jti: string }).jti}` };
  }

  /** Creates a pod on the node, and has the kubelet's token for it. */
  async function createPod(name: string): Promise<TestVolume> {
    const pod = {
      ...{ apiVersion: 'v1', kind: 'Pod', metadata: { namespace: 'ci', name } },
      spec: {
        ...{ nodeName: 'node-1', serviceAccountName: 'builder', containers: [{ name: 'build', image: 'build' }] },
        volumes: [
          { name: 'connectors', csi: { driver: 'connectors-csi', readOnly: true, volumeAttributes: attributes } },
        ],
      },
    };
    const { code, text, warnings } = await plane.admin.create(pod);
    assert.deepEqual([code, warnings], [201, []], text);
    const { uid } = (JSON.parse(text) as { readonly metadata: { readonly uid: string } }).metadata;
    const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name, uid };
    const ofNode = plane.admin.as({ user: 'system:node:node-1', groups: ['system:nodes', 'system:authenticated'] });
    const spec = { audiences: ['connectors-proxy'], expirationSeconds: 1800, boundObjectRef };
    tokens.set(uid, await requestToken('ci/builder', spec, ofNode));
    return node.unpreparedVolume({ name, uid });
  }

  /** Programs of a pod whose Service leads to one of the replicas. */
  const through = (replica: number): readonly string[] =>
    hostNames(file(`hosts-${replica}`), { [addresses[replica] ?? '']: [serviceName], '127.0.0.1': ['localhost'] });

  /** What a pod gets from the tool, or the error. */
  async function get(replica = 0): Promise<string> {
    const script = `curl -sS --cacert ca.crt ${tool.url(host)}/npm/package`;
    return (await runTask(volume.target, script, {}, through(replica))).output;
  }

  function auditEvents(): readonly AuditEvent[] {
    return readFileSync(file('audit.log'), 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as AuditEvent);
  }

  /** The replicas that have written status since then. */
  function writers(since = 0): readonly number[] {
    const written = auditEvents().filter(({ objectRef }, at) => at >= since && objectRef?.subresource === 'status');
    const ids = written.map(({ user }) => user.extra?.['authentication.kubernetes.io/credential-id']?.[0] ?? '');
    return [...new Set(ids.map((id) => credentialIds.indexOf(id)))];
  }

  const isReady = (): Promise<string> =>
    shell('kubectl -n ci wait --timeout=60s --for=condition=Ready connector/registry');
  const follows = (where: string): Promise<void> =>
    eventually(`the volume has ${where}`, () => volume.read()['.npmrc']?.includes(`/${where}/"\n`) === true);

  it('write the statuses from one replica alone', async () => {
    await isReady();
    const managers = '{.metadata.managedFields[?(@.subresource=="status")].manager}';
    const shown = await shell(`kubectl -n ci get connector registry --show-managed-fields -o jsonpath='${managers}'`);
    assert.equal(shown, 'connectors-csi-proxy');
    assert.equal(writers().length, 1);
  });

  it("give a pod a volume with which it uses the tool's credential through each replica", async () => {
    volume = await createPod('build-1');
    kubelet.run(volume, attributes);
    await kubelet.untilAllPublished();
    await follows('npm');
    for (const replica of addresses.keys()) assert.equal(await get(replica), 'the content');
    assert.ok(!Object.values(volume.read()).some((text) => text.includes(login.password)));
  });

  it('follow an edit of the Connector', async () => {
    await put(registry('/npm/other'));
    await follows('other');
    await isReady();
  });

  it('keep files and go on when the API server is away for a while', async () => {
    const before = volume.read();
    await plane.killApiServer();
    assert.deepEqual(volume.read(), before);
    outage.from = auditEvents().length;
    await plane.restartApiServer();
    assert.deepEqual(volume.read(), before);
    for (const replica of addresses.keys())
      await eventually('the pod gets an answer', async () => (await get(replica)) === 'the content');
    await put(registry('/npm/third'));
    await follows('third');
    outage.to = auditEvents().length;
    await kubelet.untilAllPublishedAgain();
  });

  it('refuse a pod whose account has lost its RoleBinding', async () => {
    const [, binding] = grant('builder', ['registry']) as readonly Manifest[];
    await plane.admin.remove(binding!);
    for (const replica of addresses.keys())
      await eventually('requests are refused', async () => (await get(replica)).includes('403'));
    // One that starts has no decision of the last minute.
    await driver.stop();
    await startDriver();
    const [pod] = kubelet.pods;
    const refusal = 'cannot use connector ci/registry: system:serviceaccount:ci:builder cannot get connector';
    await eventually(
      () => `the publish fails: ${pod?.events.at(-1)}`,
      () => {
        kubelet.eventForAll();
        return pod?.events.at(-1)?.includes(refusal) === true;
      },
    );
    await follows('third');
    await put(binding!);
    await kubelet.untilAllPublishedAgain();
    for (const replica of addresses.keys())
      await eventually('requests are allowed', async () => (await get(replica)) === 'the content');
  });

  it('have the status written by the other replica when the first ends', async () => {
    const [leader = -1] = writers().slice(-1);
    await proxies[leader]?.stop();
    const since = auditEvents().length;
    await put(registry('/npm/fourth'));
    await eventually('the status is written', () => writers(since).length > 0);
    assert.deepEqual(writers(since), [1 - leader]);
    await follows('fourth');
    assert.equal(await get(1 - leader), 'the content');
  });

  it('leave nothing of a pod that ends', async () => {
    await kubelet.endAll();
    assert.deepEqual(node.mounts(), []);
  });

  it('ask for nothing that the roles of the chart refuse', () => {
    const refused = auditEvents().filter(
      ({ responseStatus }, at) => responseStatus?.code === 403 && (at < outage.from || at >= outage.to),
    );
    assert.deepEqual(
      refused.map(({ user, verb, requestURI }) => `${user.username} ${verb} ${requestURI}`),
      [],
    );
  });
});
