import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { accessRequestFor } from '../../../src/shared/access/access-request.ts';
import type { Answer } from '../../../src/proxy/check/decision-trace.ts';
import { openCluster } from '../../../src/proxy/check/run-check.ts';
import { CodedError } from '../../../src/shared/errors.ts';
import { parseProxyConfig } from '../../../src/proxy/config.ts';
import { ApprovalsController, granted } from '../../support/access/approvals-controller.ts';
import { ask, checkerOf, runCheck } from '../../support/check/ask.ts';
import type { KubeObject } from '../../support/kube-api/resources.ts';
import { ClusterFixture, buildPod } from '../../support/proxy/cluster-fixture.ts';
import { connector, connectorClass, flags } from '../../support/proxy/manifests.ts';
import { robotLogin } from '../../support/proxy/proxy-fixture.ts';
import { ToolServer } from '../../support/proxy/tool-server.ts';
import { started } from '../../support/started.ts';

const admin = { namespace: 'ops', name: 'admin' };

describe('check in a cluster', function () {
  this.timeout(60_000);
  let tool: ToolServer;
  let fixture: ClusterFixture;
  let folder: string;

  beforeEach(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'connectors-check-'));
    tool = started(await ToolServer.start('http'));
    fixture = started(await ClusterFixture.start());
    fixture.put(
      connectorClass(),
      connector('tool', tool.url(), { secret: 'login', rules: { rules: '- deny: {paths: [/keys]}' } }),
      connector('lost', tool.url(), { secret: 'none' }),
      connector('broken', tool.url(), { rules: { access: 'none' } }),
      connector('hidden', tool.url()),
      connector('unclassed', tool.url(), { className: 'none' }),
      connector('large', tool.url(), { extensions: ['x'.repeat(70_000)] }),
      robotLogin,
    );
    for (const name of ['tool', 'lost', 'broken', 'unclassed', 'large', 'missing']) fixture.allow(name);
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** A checker with the service account of the proxy, as in its container. */
  const checker = (): ReturnType<typeof checkerOf> => {
    const opened = started(openCluster(fixture.clusterConfig(), parseProxyConfig([], {})));
    return checkerOf(opened.sources, [], buildPod);
  };
  /** Sends the request to the proxy, and asserts that its response is the answer. */
  const compare = async (
    check: ReturnType<typeof checkerOf>,
    name: string,
    method: string,
    where: string,
  ): Promise<Answer> => {
    const url = `${tool.url()}${where}`;
    const { status, body } = await fixture.client(name).get(url, { method });
    const answer = await check(name, `${method} ${url}`);
    assert.equal(answer.response?.status ?? 200, status, `${name} ${method} ${where}: ${body}`);
    if (answer.response !== null) assert.equal(`${answer.response.message}\n`, body);
    return answer;
  };
  const kubeconfig = (...rules: readonly (readonly [string, string, ...string[]])[]): string => {
    const file = path.join(folder, 'kubeconfig');
    fixture.api.writeKubeconfig(file, { name: `system:serviceaccount:${admin.namespace}:${admin.name}` });
    for (const [group, resource, ...verbs] of rules) {
      fixture.api.bind({
        serviceAccount: `${admin.namespace}/${admin.name}`,
        rules: [{ apiGroups: [group], resources: [resource], verbs }],
      });
    }
    return file;
  };

  it('gives the answers of the proxy', async () => {
    fixture.bindCredentials('ci');
    await fixture.replica();
    const check = checker();
    for (const name of ['tool', 'lost', 'broken', 'hidden', 'unclassed', 'large', 'missing', 'hidden,ci/tool']) {
      for (const where of ['/x', '/keys', '/a/../b']) await compare(check, `ci/${name}`, 'GET', where);
    }
    const answer = await compare(check, 'ci/tool', 'DELETE', '/x');
    assert.deepEqual(answer.credential, { secret: 'ci/login', type: 'kubernetes.io/basic-auth' });
    assert.equal((await compare(check, 'ci/tool', 'GET', '/keys')).rule, 'ci/tool:1');
  });

  it('gives the answers of the proxy by verb', async () => {
    fixture.put(flags({ 'enable-connector-proxy-permissions': 'true' }));
    fixture.bindCredentials('ci');
    fixture.allow('tool', 'builder', 'connectors/proxy', 'get');
    fixture.allow('tool', 'builder', 'connectors/proxy', 'patch');
    await fixture.replica();
    const check = checker();
    const passes: Record<string, boolean> = {};
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'])
      passes[method] = (await compare(check, 'ci/tool', method, '/x')).passes;
    assert.deepEqual(passes, { GET: true, POST: false, PUT: false, PATCH: true, DELETE: false });
  });

  it('gives the answers of the proxy about approvals', async () => {
    fixture.put(flags({ 'enable-connector-proxy-permissions': 'true', 'enable-connectors-approval': 'true' }));
    fixture.bindCredentials('ci');
    await fixture.replica();
    const check = checker();
    const approval = ({ steps }: Answer): string => steps.find(({ step }) => step === 'approval')?.text ?? '';
    assert.match(
      approval(await compare(check, 'ci/tool', 'GET', '/x')),
      /^needed: AccessRequest ci\/\S+ of this pod is/,
    );
    const approvals = new ApprovalsController(fixture.api);
    const pod = { namespace: 'ci', serviceAccountName: 'builder', ...buildPod };
    const made = accessRequestFor({ pod, connector: { namespace: 'ci', name: 'tool' } }, 'node-1') as KubeObject;
    fixture.api.put(made);
    approvals.grant(made, pod, { namespace: 'ci', name: 'tool' });
    approvals.setConditions(made, granted);
    const answer = await checker()('ci/tool', `GET ${tool.url()}/x`);
    assert.ok(answer.passes);
    assert.match(approval(answer), /^granted by AccessRequest ci\//);
  });

  it('reports a missing RoleBinding of the proxy', async () => {
    await fixture.replica();
    const { response } = await compare(checker(), 'ci/tool', 'GET', '/x');
    assert.match(response?.message ?? '', /^the proxy cannot read secret ci\/login: bind its service account/);
  });

  it('changes nothing, and sends nothing to the tool', async () => {
    fixture.bindCredentials('ci');
    await checker()('ci/tool', `GET ${tool.url()}/x`);
    assert.deepEqual(tool.seen, []);
    const verbs = fixture.api.requestsOf({}).map(({ verb, resource }) => `${verb} ${resource}`);
    assert.deepEqual(
      verbs.filter((each) => !/^(?:get|list|watch) /.test(each) && each !== 'create subjectaccessreviews'),
      [],
    );
  });

  it('gives no answer if the user of the kubeconfig cannot read what decides', async () => {
    const as = 'system:serviceaccount:ci:builder';
    const isRefusal = (error: unknown): boolean =>
      error instanceof CodedError &&
      error.message.startsWith('this user cannot read what decides: check it in the container');
    await assert.rejects(ask({ connector: 'ci/tool', as }, 'GET /x', '--kubeconfig', kubeconfig()), isRefusal);
    const file = kubeconfig(
      ['connectors.alauda.io', 'connectors', 'list', 'watch'],
      ['connectors.alauda.io', 'connectorclasses', 'list', 'watch'],
      ['', 'configmaps', 'list', 'watch'],
    );
    await assert.rejects(ask({ connector: 'ci/tool', as }, 'GET /x', '--kubeconfig', file), isRefusal);
    kubeconfig(['authorization.k8s.io', 'subjectaccessreviews', 'create']);
    await assert.rejects(ask({ connector: 'ci/tool', as }, 'GET /x', '--kubeconfig', file), isRefusal);
    const table = path.join(folder, 'rules.txt');
    writeFileSync(table, 'allow ci/tool - GET /x\n');
    const { status } = await runCheck('--file', table, '--kubeconfig', file);
    assert.equal(status, 0, 'a table needs no Secret');
  });
});
