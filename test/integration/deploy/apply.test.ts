import assert from 'node:assert/strict';
import { copyFileSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { ApplyServer } from '../../support/deploy/apply-server.ts';
import { assertConsistent, driver } from '../../support/deploy/driver-objects.ts';
import { deployFolder, only, parseManifests, rendered, type Manifest } from '../../support/deploy/manifests.ts';
import { needs } from '../../support/e2e/rendered-classes.ts';
import { started } from '../../support/started.ts';

describe('kubectl', () => {
  let server: ApplyServer;
  before(needs('kubectl'));
  beforeEach(async () => {
    server = started(await ApplyServer.start());
  });

  it('makes of deploy/examples/overlay, with all that it offers in comments, an installation with an image of a registry', async () => {
    const [overlay, standalone] = ['examples/overlay/kustomization.yaml', 'manifests/standalone.yaml'].map((file) =>
      path.join(deployFolder, file),
    ) as [string, string];
    copyFileSync(standalone, path.join(server.folder, 'standalone.yaml'));
    const build = async (command: string): Promise<Manifest[]> => {
      const { status, stdout, stderr } = await server.run(`${command} kustomization.yaml; kubectl kustomize .`);
      assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
      return parseManifests(stdout, overlay);
    };
    const objects = await build(`cp ${overlay}`);
    assertConsistent(objects);
    assert.equal(objects.length, rendered('standalone').length);
    assert.match(driver(objects).image, /^registry\.example\.com\/connectors-csi:\d/);
    assert.match(readFileSync(overlay, 'utf8'), /^# patches:$/m);
    const patched = await build(`sed -n 's/^# \\(patches:\\|  \\)/\\1/; /^[^#]/p' ${overlay} >`);
    for (const { metadata, ...account } of patched.filter(({ kind }) => kind === 'ServiceAccount')) {
      assert.deepEqual(account['imagePullSecrets'], [{ name: 'registry-login' }], metadata.name);
    }
    assert.equal(patched.filter(({ kind }) => kind === 'Namespace').length, 0);
    assert.equal((only(patched, 'CSIDriver')['spec'] as Manifest)['serviceAccountTokenInSecrets'], true);
  });
});
