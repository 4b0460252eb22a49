import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { bindingsFor } from '../../support/access/driver-rules.ts';
import { ApprovalsController } from '../../support/access/approvals-controller.ts';
import { deployFolder, readManifests, repository } from '../../support/deploy/manifests.ts';
import type { TestVolume } from '../../support/driver/test-volume.ts';
import { inContainer } from '../../support/e2e/container.ts';
import { proven } from '../../support/e2e/compatibility.ts';
import { DockerRegistry } from '../../support/e2e/docker-registry.ts';
import { bindExamples, exampleOf } from '../../support/e2e/example-objects.ts';
import { toolPassword, useFlowFixture } from '../../support/e2e/flow-fixture.ts';
import type { FlowFixture, FlowVolume } from '../../support/e2e/flow-fixture.ts';
import { startGitServer } from '../../support/e2e/git-server.ts';
import { needsKnownPorts, otherAddress, ownAddress } from '../../support/e2e/host-names.ts';
import { containersEnvironment, needsRootForContainers } from '../../support/e2e/programs.ts';
import type { Run } from '../../support/e2e/programs.ts';
import { attributesOf, exampleSpec, imagePolicy, runStep, stepOf } from '../../support/e2e/tekton-step.ts';
import type { Step, TaskRunSpec } from '../../support/e2e/tekton-step.ts';
import type { KubeObject } from '../../support/kube-api/resources.ts';
import { eventually } from '../../support/poll.ts';
import { connector, secret } from '../../support/proxy/manifests.ts';
import { toolAuthority } from '../../support/proxy/tool-server.ts';

const login = { username: 'robot', password: toolPassword };
const registryHosts = ['harbor.example.com', 'registry.example.com'];
const [harborHost, registryHost] = registryHosts as [string, string];
/** The host of smoke-test.yaml. The registry serves it, which responds 200 at its root to everybody. */
const siteHost = 'www.example.com';

interface PodSpec {
  readonly serviceAccountName: string;
  readonly containers: readonly [Container];
  readonly volumes: readonly { readonly csi?: { readonly volumeAttributes: Readonly<Record<string, string>> } }[];
}
interface Container {
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly env?: Step['env'];
}

/**
 * What a kubelet and Tekton make of deploy/examples: the scripts and commands are run to the letter, with real programs and
 * servers, at the hosts and ports that they name. The proxy terminates TLS for the hosts of connectors.
 */
describe('the examples', function () {
  this.timeout(180_000);
  let registry: DockerRegistry;
  before(needsRootForContainers);
  before(needsKnownPorts);
  const use = useFlowFixture(
    {
      hosts: [],
      otherHosts: { [ownAddress]: [...registryHosts, siteHost], [otherAddress]: ['github.com'] },
      isAtService: true,
    },
    ['buildah', 'netavark', 'skopeo', 'docker-registry', 'bash', 'git', 'curl'],
    async (fixture: FlowFixture) => {
      const at = (name: string): string => path.join(fixture.work, name);
      bindExamples(fixture.api);
      registry = await DockerRegistry.start({
        ...{ directory: at('registry'), host: harborHost, aliases: [registryHost, siteHost] },
        ...{ address: ownAddress, auth: login },
      });
      fixture.onStop(() => registry.stop());
      await startRepository(fixture);
      for (const name of ['oci', 'github', 'http']) fixture.useClass(name);
      for (const namespace of ['ci', 'shared']) {
        fixture.put(secret('registry', 'cpaas.io/distribution-registry-token', login, { namespace }));
        fixture.put(secret('tool-ca', 'Opaque', { 'ca.crt': toolAuthority.certificate }, { namespace }));
      }
      const rules = [{ verbs: ['get'], apiGroups: [''], resources: ['secrets'] }];
      fixture.api.bind({ user: 'proxy', namespace: 'shared', rules });
      const oci = { className: 'oci', auth: 'tokenAuth', secret: 'registry', caSecret: 'tool-ca' };
      fixture.put(
        connector('harbor', `https://${harborHost}`, oci),
        connector('production', `https://${registryHost}`, oci),
        connector('base-images', `https://${registryHost}`, { ...oci, namespace: 'shared' }),
        connector('github', 'https://github.com', { className: 'github', secret: 'login', caSecret: 'tool-ca' }),
      );
      // The Connector of smoke-test.yaml names no CA: the proxy has to trust the site's for all tools.
      const trusted = { namespace: 'connectors-system', labels: { 'connectors.cpaas.io/ca-cert': 'true' } };
      fixture.put(secret('tool-ca', 'Opaque', { 'ca.crt': toolAuthority.certificate }, trusted));
      fixture.put(exampleOf('smoke-test.yaml', 'Connector'));
      await eventually('the connectors have addresses', () =>
        fixture.api.list('connectors').every(({ status }) => JSON.stringify(status ?? {}).includes('httpAddress')),
      );
      prepareBuilds(fixture);
      await seedImages(fixture);
    },
  );

  async function startRepository(fixture: FlowFixture): Promise<void> {
    const made = await fixture.without(`mkdir -p repositories/example && cd repositories/example
      git init -q -b main --bare app.git
      git init -q -b main first && cd first && echo one >file && git add file
      git -c user.name=ci -c user.email=ci@example.com commit -q -m first && git push -q ../app.git main`);
    assert.equal(made.status, 0, made.output);
    const place = { port: 443, address: otherAddress };
    const git = await startGitServer(
      path.join(fixture.work, 'repositories'),
      'github.com',
      `robot:${toolPassword}`,
      place,
    );
    fixture.onStop(() => git.stop());
  }

  function prepareBuilds({ work }: FlowFixture): void {
    mkdirSync(path.join(work, 'source'));
    mkdirSync(path.join(work, 'config/containers'), { recursive: true });
    // Where a builder's image has it.
    writeFileSync(path.join(work, 'config/containers/policy.json'), imagePolicy);
    writeFileSync(path.join(work, 'source/file'), 'content\n');
    writeFileSync(path.join(work, 'source/Base'), 'FROM scratch\nCOPY file /base\n');
    writeFileSync(path.join(work, 'source/Dockerfile'), `FROM ${registryHost}/images/base:1\nCOPY file /app\n`);
  }

  /** What the examples take from the registry. */
  async function seedImages(fixture: FlowFixture): Promise<void> {
    const rule = { verbs: ['get'], apiGroups: ['connectors.alauda.io'], resources: ['connectors'] };
    const withdraw = fixture.api.bind({ serviceAccount: 'ci/seeder', namespace: 'ci', rules: [rule] });
    const volume = await fixture.volume({ attributes: { connectors: 'production' }, serviceAccountName: 'seeder' });
    const push = (name: string): string =>
      `buildah --storage-driver=vfs push -q --cert-dir ${fixture.work}/certs seed docker://${registryHost}/${name}`;
    const script = `mkdir ${fixture.work}/certs && cp ca.crt ${fixture.work}/certs
      buildah --storage-driver=vfs bud -q --tag seed -f ${fixture.work}/source/Base ${fixture.work}/source
      ${push('images/base:1')}
      ${push('staging/app:1.0')}`;
    await fixture.task(volume, script, containersEnvironment(fixture.work));
    withdraw();
  }

  /** The volume that a workload asks for, with its service account. */
  const mounted = (attributes: FlowVolume['attributes'], serviceAccountName: string): Promise<TestVolume> =>
    use.fixture.volume({ attributes, serviceAccountName });

  /** Runs the container of a pod of the examples, with its volume and with an empty directory at /workspace. */
  async function runPod(
    { serviceAccountName, containers, volumes }: PodSpec,
    namespace = 'ci',
  ): Promise<Run & { readonly workspace: string }> {
    const { fixture } = use;
    const attributes = volumes.flatMap(({ csi }) => (csi === undefined ? [] : [csi.volumeAttributes]))[0] ?? {};
    const volume = await fixture.volume({ attributes, serviceAccountName, namespace });
    const workspace = mkdtempSync(path.join(fixture.work, 'workspace-'));
    const [{ command, args, env = [] }] = containers;
    const mounts = { '/opt/connectors': volume.target, '/workspace': workspace };
    const words = [...inContainer(fixture.work, mounts), ...command, ...args];
    const run = await fixture.run(words, workspace, Object.fromEntries(env.map(({ name, value }) => [name, value])));
    assert.equal(run.status, 0, `${run.output}\n${fixture.proxy.log.slice(-3000)}`);
    assert.doesNotMatch(run.output, /eyJ/);
    return { ...run, workspace };
  }

  it('ask a registry whether it accepts the credential with curl (pod.yaml)', async () => {
    const { stdout } = await runPod(exampleOf('pod.yaml', 'Pod')['spec'] as PodSpec);
    assert.equal(stdout.trim(), '{}');
  });

  it('reach a site without a Secret, and print what the page shows (smoke-test.yaml)', async () => {
    const { metadata, spec } = exampleOf('smoke-test.yaml', 'Pod');
    const { stdout } = await runPod(spec as PodSpec, metadata.namespace);
    assert.equal(stdout, '200\n');
    const page = readFileSync(path.join(repository, 'docs/installation.md'), 'utf8');
    assert.match(page, new RegExp(`^pod/${metadata.name} condition met\\n${stdout}\`\`\`$`, 'm'));
  });

  it('clone a private repository with git (job-git.yaml)', async () => {
    const { template } = exampleOf('job-git.yaml', 'Job')['spec'] as { readonly template: { readonly spec: PodSpec } };
    const { workspace } = await runPod(template.spec);
    assert.equal(readFileSync(path.join(workspace, 'app/file'), 'utf8'), 'one\n');
  });

  it('fetch a file through the connector that a param names (tekton/tasks.yaml)', async () => {
    const { steps, volumes } = exampleSpec('Task', 'fetch') as {
      readonly steps: readonly [Step];
      readonly volumes: PodSpec['volumes'];
    };
    const filledIn = JSON.parse(
      JSON.stringify(volumes).replace('$(params.CONNECTORS)', 'github'),
    ) as PodSpec['volumes'];
    const [{ script = '', env }] = steps;
    const values = env.map(({ name, value }) => ({
      name,
      value: value.replace('$(params.URL)', 'https://github.com/example/app.git/HEAD'),
    }));
    const program = path.join(use.fixture.work, 'fetch');
    writeFileSync(program, script, { mode: 0o755 });
    const container = { command: [program], args: [], env: values };
    const { workspace } = await runPod({
      ...{ serviceAccountName: 'source-fetcher', containers: [container] },
      volumes: filledIn,
    });
    assert.equal(readFileSync(path.join(workspace, 'HEAD'), 'utf8'), 'ref: refs/heads/main\n');
  });

  it(...proven('tekton-task'), async () => {
    const { fixture } = use;
    const spec = exampleSpec('TaskRun', 'build-app-') as TaskRunSpec;
    const volume = await mounted(attributesOf(spec), spec.serviceAccountName);
    await runStep(fixture, stepOf('buildah'), {
      IMAGE: spec.params.find(({ name }) => name === 'IMAGE')?.value ?? '',
      DOCKERFILE: './Dockerfile',
      CONTEXT: '.',
      WS: volume.target,
      DIGEST_FILE: path.join(fixture.work, 'digest'),
    });
    assert.match(readFileSync(path.join(fixture.work, 'digest'), 'utf8'), /^sha256:[0-9a-f]{64}$/);
    assert.ok(registry.served.includes('GET /v2/images/base/manifests/1'));
    assert.ok(registry.served.includes('PUT /v2/team/app/manifests/1.0'));
  });

  it(...proven('tekton-command'), async () => {
    const spec = exampleSpec('TaskRun', 'build-app-cli-') as TaskRunSpec;
    const volume = await mounted(attributesOf(spec), spec.serviceAccountName);
    const before = registry.served.length;
    await runStep(use.fixture, stepOf('buildah-cli'), {
      COMMAND: spec.params.find(({ name }) => name === 'COMMAND')?.value ?? '',
      SOURCE: path.join(use.fixture.work, 'source'),
      WS: volume.target,
    });
    assert.ok(registry.served.slice(before).includes('PUT /v2/team/app/manifests/1.0'));
  });

  it('promote an image once the pod is approved (approval.yaml)', async () => {
    const { fixture } = use;
    for (const binding of bindingsFor('approval', { user: 'driver' })) fixture.api.bind(binding);
    fixture.put(exampleOf('approval.yaml', 'ConfigMap'));
    const spec = exampleOf('approval.yaml', 'TaskRun')['spec'] as TaskRunSpec & {
      readonly taskSpec: { readonly steps: readonly [Step] };
    };
    const volume = fixture.node.volume({ serviceAccountName: spec.serviceAccountName });
    const publish = (): Promise<boolean> =>
      fixture.publish(volume, attributesOf(spec)).then(
        () => true,
        () => false,
      );
    const first = publish();
    const controller = new ApprovalsController(fixture.api);
    // Beside those for the volumes that are mounted already.
    const own = (): KubeObject | undefined =>
      controller.requests.find((request) => JSON.stringify(request['spec']).includes(volume.pod.uid));
    await eventually('the pod has a request', () => own() !== undefined);
    controller.grant(own()!, volume.pod, { namespace: 'ci', name: 'production' });
    await first;
    await eventually('the volume is mounted', publish);
    await runStep(fixture, spec.taskSpec.steps[0], { WS: volume.target });
    assert.ok(registry.served.includes('PUT /v2/released/app/manifests/1.0'), registry.served.join('\n'));
  });

  it('are all run here, but for what is objects alone', () => {
    const files = readdirSync(path.join(deployFolder, 'examples'), { recursive: true, encoding: 'utf8' });
    const workloads = files.filter(
      (name) =>
        name.endsWith('.yaml') &&
        path.basename(name) !== 'kustomization.yaml' &&
        readManifests(path.join(deployFolder, 'examples', name)).some(({ kind }) =>
          ['Pod', 'Job', 'Task', 'TaskRun'].includes(kind),
        ),
    );
    assert.deepEqual(workloads.sort(), [
      'approval.yaml',
      'job-git.yaml',
      'pod.yaml',
      'smoke-test.yaml',
      'tekton/runs.yaml',
      'tekton/tasks.yaml',
    ]);
  });
});
