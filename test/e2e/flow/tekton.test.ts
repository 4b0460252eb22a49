import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TestVolume } from '../../support/driver/test-volume.js';
import { proven } from '../../support/e2e/compatibility.js';
import { DockerRegistry } from '../../support/e2e/docker-registry.js';
import type { FlowStage } from '../../support/e2e/flow-stage.js';
import { toolPassword, useFlowStage } from '../../support/e2e/flow-stage.js';
import { containersEnvironment, needsRootForContainers } from '../../support/e2e/programs.js';
import type { TaskRunSpec } from '../../support/e2e/tekton-step.js';
import { attributesOf, exampleSpec, imagePolicy, runStep, stepOf } from '../../support/e2e/tekton-step.js';
import { secret } from '../../support/proxy/manifests.js';

const login = { username: 'robot', password: toolPassword };
const exampleHost = 'harbor.example.com';

/** What Tekton and the kubelet make of the examples of deploy/examples/tekton, with real programs and registries. */
describe('the Tekton examples', function () {
  this.timeout(120_000);
  let harbor: DockerRegistry;
  let base: DockerRegistry;
  before(needsRootForContainers);
  const use = useFlowStage(
    { hosts: [exampleHost, 'base.test'] },
    ['buildah', 'netavark', 'skopeo', 'docker-registry', 'bash'],
    async (stage: FlowStage) => {
      const at = (name: string): string => path.join(stage.work, name);
      harbor = await DockerRegistry.start({ directory: at('harbor'), host: exampleHost, auth: login });
      base = await DockerRegistry.start({ directory: at('base'), host: 'base.test', auth: login });
      for (const registry of [harbor, base]) stage.onStop(() => registry.stop());
      stage.useClass('oci');
      stage.put(secret('registry', 'cpaas.io/distribution-registry-token', login));
      stage.connect('harbor', harbor.url, { className: 'oci', secret: 'registry' });
      // In the example it is of the namespace `shared`.
      stage.connect('base-images', base.url, { className: 'oci', secret: 'registry' });
      stage.allow(['harbor', 'base-images']);
      const volume = await stage.volume({ attributes: { connectors: 'base-images' } });
      mkdirSync(at('source'));
      mkdirSync(at('config'));
      // Where a builder's image has it.
      mkdirSync(at('config/containers'));
      writeFileSync(at('config/containers/policy.json'), imagePolicy);
      writeFileSync(at('source/file'), 'content\n');
      writeFileSync(at('source/Base'), 'FROM scratch\nCOPY file /base\n');
      writeFileSync(at('source/Dockerfile'), `FROM ${base.address}/images/base:1\nCOPY file /app\n`);
      const seed = `buildah --storage-driver=vfs bud -q --tag seed -f ${at('source')}/Base ${at('source')}
        buildah --storage-driver=vfs push -q --tls-verify=false seed docker://${base.address}/images/base:1`;
      await stage.task(volume, seed, containersEnvironment(stage.work));
    },
  );

  const environment = (): NodeJS.ProcessEnv => containersEnvironment(use.stage.work);

  /** The volume that the run's workspace asks for. */
  const volumeOf = async (file: string): Promise<TestVolume> => {
    const attributes = attributesOf(exampleSpec(file, 'TaskRun') as TaskRunSpec);
    const here = Object.entries(attributes).map(([name, value]) => [name, value.replace('shared/', '')]);
    return use.stage.volume({ attributes: Object.fromEntries(here) as Readonly<Record<string, string>> });
  };

  it(...proven('tekton-task'), async () => {
    const { stage } = use;
    const volume = await volumeOf('buildah-taskrun.yaml');
    const image = `${harbor.address}/team/app:1.0`;
    await runStep(stage, stepOf('buildah-task.yaml'), {
      IMAGE: image,
      DOCKERFILE: './Dockerfile',
      CONTEXT: '.',
      WS: volume.target,
      DIGEST_FILE: path.join(stage.work, 'digest'),
    });
    const digest = readFileSync(path.join(stage.work, 'digest'), 'utf8').trim();
    const inspect = `skopeo inspect --tls-verify=false --format '{{.Digest}}' docker://${image}`;
    assert.equal((await stage.task(volume, inspect, environment())).trim(), digest);
    assert.ok(base.served.includes('GET /v2/images/base/manifests/1'));
  });

  it(...proven('tekton-command'), async () => {
    const { params } = exampleSpec('buildah-cli-taskrun.yaml', 'TaskRun') as TaskRunSpec;
    const command = params.find(({ name }) => name === 'COMMAND')?.value ?? '';
    assert.ok(command.includes(`push ${exampleHost}/team/app:1.0`));
    const volume = await volumeOf('buildah-cli-taskrun.yaml');
    const before = harbor.served.length;
    await runStep(use.stage, stepOf('buildah-cli-task.yaml'), {
      // Port 443 is not everybody's to listen on.
      COMMAND: command.replaceAll(exampleHost, harbor.address),
      SOURCE: path.join(use.stage.work, 'source'),
      WS: volume.target,
    });
    assert.ok(harbor.served.slice(before).includes('PUT /v2/team/app/manifests/1.0'));
  });
});
