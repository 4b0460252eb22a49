import assert from 'node:assert/strict';
import { helms } from '../../support/deploy/helm.ts';
import { putForeignKinds } from '../../support/deploy/foreign-kinds.ts';
import { applyAll, removeInstallation } from '../../support/deploy/installation.ts';
import { only, parseManifests, rendered } from '../../support/deploy/manifests.ts';
import { pageCommands, pageFiles, writePageFiles } from '../../support/docs/first-build-page.ts';
import { needs } from '../../support/e2e/rendered-classes.ts';
import { sharedControlPlane } from '../../support/kubernetes/shared-control-plane.ts';

/** Needs a proxy, Tekton or pods: the flow test of the page plays these. */
const needsMore = (command: string): boolean => / (wait|logs|rollout) /.test(command);
const helm = helms.at(-1);
/** Where there is no Helm: what it creates with these values, as kubectl applies it. */
const installation = ['crds', 'standalone', 'classes']
  .map((name) => `kubectl apply -f deploy/manifests/${name}.yaml`)
  .join(' && ');

describe('the commands of docs/first-build.md', () => {
  before(needs('kubectl'));
  const plane = sharedControlPlane();
  before(async () => {
    writePageFiles(plane().folder);
    await putForeignKinds(plane());
  });
  afterEach(() => removeInstallation(plane()));

  it('succeed one after the other without an error or a warning, in a cluster without the CRDs', async () => {
    const commands = pageCommands.filter((command) => !needsMore(command));
    assert.ok(commands.length >= 6, commands.join('\n'));
    for (const command of commands) {
      const isInstallation = command.startsWith('helm ');
      const installed = helm === undefined ? installation : command.replace('helm', helm);
      const { status, stdout, stderr } = await plane().run(isInstallation ? installed : command);
      // The manifests are for all versions of the kubelet, and say so.
      const isForAll = isInstallation && helm === undefined;
      const expected = isForAll ? 'Warning: spec.serviceAccountTokenInSecrets is unset\n' : '';
      assert.deepEqual({ command, status, stderr }, { command, status: 0, stderr: expected });
      assert.notEqual(stdout, '', command);
    }
  });

  it('have files whose comments can be taken in as well', async () => {
    const text = pageFiles.get('connector.yaml') ?? '';
    const whole = text.replaceAll(/^( *)# (?=caCertSecretRef)/gm, '$1');
    const objects = parseManifests(whole, 'connector.yaml');
    const { caCertSecretRef } = only(objects, 'Connector')['spec'] as Record<string, unknown>;
    assert.deepEqual(caCertSecretRef, { name: 'registry-ca' });
    const connector = only(objects, 'Connector');
    const { namespace: name = '' } = connector.metadata;
    await applyAll(plane(), [
      ...rendered('crds').filter(({ kind }) => kind === 'CustomResourceDefinition'),
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name } },
      connector,
    ]);
  });
});
