import assert from 'node:assert/strict';
import { copyFileSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { assertConsistent, driver } from '../../support/deploy/driver-objects.ts';
import { putForeignKinds } from '../../support/deploy/foreign-kinds.ts';
import { removeInstallation } from '../../support/deploy/installation.ts';
import {
  deployFolder,
  manifestFiles,
  only,
  parseManifests,
  rendered,
  type Manifest,
} from '../../support/deploy/manifests.ts';
import { needs } from '../../support/e2e/rendered-classes.ts';
import { sharedControlPlane } from '../../support/kubernetes/shared-control-plane.ts';

/** The only one, from Kubernetes 1.35 on: the manifests are for older versions too. */
const documented = 'Warning: spec.serviceAccountTokenInSecrets is unset; ';
const strict = '--validate=strict --warnings-as-errors';

describe('kubectl', () => {
  before(needs('kubectl'));
  const plane = sharedControlPlane();
  afterEach(() => removeInstallation(plane()));

  /** Runs kubectl, which fails for each warning. */
  async function apply(target: string, hasWarning = false, verb = 'apply'): Promise<void> {
    const { status, stderr } = await plane().run(`kubectl ${verb} ${strict} ${target}`);
    const lines = stderr.split('\n').filter((line) => line !== '');
    if (hasWarning) {
      assert.equal(lines.length, 2, stderr);
      assert.ok(lines[0]?.startsWith(documented), stderr);
      assert.equal(lines[1], 'error: 1 warning received', stderr);
    } else assert.deepEqual({ target, status, lines }, { target, status: 0, lines: [] });
  }
  const file = (...names: readonly string[]): string => path.join(deployFolder, ...names);

  it('applies deploy/manifests and deploy/examples, with no warning but the documented one', async () => {
    await putForeignKinds(plane());
    await apply(`--server-side -f ${file('manifests', 'crds.yaml')}`);
    await apply(`-f ${file('manifests', 'driver.yaml')}`, true);
    // It has the same CSIDriver.
    await apply(`-f ${file('manifests', 'standalone.yaml')}`);
    await apply(`-f ${file('manifests', 'classes.yaml')}`);
    await plane().admin.apply(
      ['ci', 'smoke', 'tools'].map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
    );
    // The others need namespaces of their own, or have roles of the first again: `accepted.test.ts` tries them.
    const examples = manifestFiles(file('examples')).filter((name) => !/(?:argo-cd|flux|runs)\.yaml$/.test(name));
    assert.ok(examples.length >= 7, String(examples.length));
    for (const name of examples) await apply(`-f ${name}`, false, 'create');
  });

  it('makes of deploy/examples/overlay, with all that it offers in comments, an installation with an image of a registry', async () => {
    const { folder } = plane();
    const overlay = file('examples', 'overlay', 'kustomization.yaml');
    copyFileSync(file('manifests', 'standalone.yaml'), path.join(folder, 'standalone.yaml'));
    const build = async (command: string): Promise<Manifest[]> => {
      const { status, stdout, stderr } = await plane().run(`${command} kustomization.yaml; kubectl kustomize .`);
      assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
      return parseManifests(stdout, overlay);
    };
    const objects = await build(`cp ${overlay}`);
    assertConsistent(objects);
    assert.equal(objects.length, rendered('standalone').length);
    assert.match(driver(objects).image, /^registry\.example\.com\/connectors-csi:\d/);
    await apply('-k .', true);
    assert.match(readFileSync(overlay, 'utf8'), /^# patches:$/m);
    const patched = await build(`sed -n 's/^# \\(patches:\\|  \\)/\\1/; /^[^#]/p' ${overlay} >`);
    for (const { metadata, ...account } of patched.filter(({ kind }) => kind === 'ServiceAccount')) {
      assert.deepEqual(account['imagePullSecrets'], [{ name: 'registry-login' }], metadata.name);
    }
    assert.equal(patched.filter(({ kind }) => kind === 'Namespace').length, 0);
    assert.equal(only(patched, 'NetworkPolicy').metadata.name, 'connectors-csi');
    assert.equal((only(patched, 'CSIDriver')['spec'] as Manifest)['serviceAccountTokenInSecrets'], true);
    await apply('-k .');
  });
});
