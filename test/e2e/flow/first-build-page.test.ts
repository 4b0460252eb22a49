import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseAllDocuments } from 'yaml';
import { only } from '../../support/deploy/manifests.ts';
import type { Manifest } from '../../support/deploy/manifests.ts';
import { pageFiles } from '../../support/docs/first-build-page.ts';
import { useFlowFixture } from '../../support/e2e/flow-fixture.ts';
import { Harbor } from '../../support/e2e/harbor.ts';
import { needsKnownPorts, ownAddress } from '../../support/e2e/host-names.ts';
import { needsRootForContainers } from '../../support/e2e/programs.ts';
import { eventually } from '../../support/poll.ts';
import { secret as makeSecret } from '../../support/proxy/manifests.ts';
import { toolAuthority } from '../../support/proxy/tool-server.ts';
import type { TaskRunSpec } from '../../support/e2e/tekton-step.ts';
import { attributesOf, imagePolicy, runStep, stepOf } from '../../support/e2e/tekton-step.ts';

const host = 'harbor.example.com';

function objectsIn(text: string): readonly Manifest[] {
  return parseAllDocuments(text).map((document) => document.toJS() as Manifest);
}

/** The robot account in the Secret of the page. */
function loginIn(secret: Manifest): { readonly username: string; readonly password: string } {
  return secret['stringData'] as { readonly username: string; readonly password: string };
}

describe('docs/first-build.md', function () {
  this.timeout(120_000);
  let harbor: Harbor;
  before(needsRootForContainers);
  before(needsKnownPorts);
  const use = useFlowFixture(
    { hosts: [], knownHosts: [host], isAtService: true },
    ['buildah', 'netavark', 'docker-registry'],
    async (fixture) => {
      const secret = only(objectsIn(pageFiles.get('connector.yaml') ?? ''), 'Secret');
      const auth = loginIn(secret);
      harbor = await Harbor.start({
        directory: path.join(fixture.work, 'harbor'),
        host,
        address: ownAddress,
        auth,
      });
      // Public registries have certificates of public CAs.
      fixture.put(
        makeSecret(
          'public-ca',
          'Opaque',
          { 'ca.crt': toolAuthority.certificate },
          { namespace: 'connectors-system', labels: { 'connectors.cpaas.io/ca-cert': 'true' } },
        ),
      );
      fixture.onStop(() => harbor.stop());
      mkdirSync(path.join(fixture.work, 'source'));
      mkdirSync(path.join(fixture.work, 'config/containers'), { recursive: true });
      writeFileSync(path.join(fixture.work, 'config/containers/policy.json'), imagePolicy);
      const { taskSpec } = only(objectsIn(pageFiles.get('source.yaml') ?? ''), 'TaskRun')['spec'] as {
        readonly taskSpec: { readonly steps: readonly [{ readonly script: string }] };
      };
      execFileSync('sh', ['-c', taskSpec.steps[0].script], { cwd: path.join(fixture.work, 'source') });
    },
  );

  it('ends with an image in the registry, and the password with the proxy alone', async () => {
    const { fixture } = use;
    const [secret, connector] = ['Secret', 'Connector'].map((kind) =>
      only(objectsIn(pageFiles.get('connector.yaml') ?? ''), kind),
    );
    assert.ok(connector !== undefined && secret !== undefined);
    const { connectorClassName } = connector['spec'] as { readonly connectorClassName: string };
    fixture.useClass(connectorClassName);
    fixture.put(secret, connector);
    const { name = '' } = connector.metadata;
    await eventually(
      () => `the Connector is ready: ${fixture.condition(name, 'Ready').is}`,
      () => fixture.condition(name, 'Ready').is === 'True Ready',
    );
    const run = only(objectsIn(pageFiles.get('run.yaml') ?? ''), 'TaskRun')['spec'] as TaskRunSpec;
    const role = only(objectsIn(pageFiles.get('builder.yaml') ?? ''), 'Role') as unknown as {
      readonly rules: Parameters<typeof fixture.api.bind>[0]['rules'];
    };
    fixture.api.bind({ serviceAccount: `ci/${run.serviceAccountName}`, namespace: 'ci', rules: role.rules });
    const volume = await fixture.volume({ attributes: attributesOf(run), serviceAccountName: run.serviceAccountName });
    await runStep(fixture, stepOf('buildah'), {
      IMAGE: run.params.find(({ name }) => name === 'IMAGE')?.value ?? '',
      DOCKERFILE: './Dockerfile',
      CONTEXT: '.',
      WS: volume.target,
      DIGEST_FILE: path.join(fixture.work, 'digest'),
    });
    assert.ok(harbor.served.includes('PUT /v2/team/app/manifests/1.0'));
    const { password } = loginIn(secret);
    for (const text of [...Object.values(volume.read()), fixture.proxy.log]) assert.ok(!text.includes(password));
  });
});
