import assert from 'node:assert/strict';
import { copyFileSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { allValues } from '../../support/deploy/all-values.js';
import { ApplyServer } from '../../support/deploy/apply-server.js';
import { assertConsistent, driver } from '../../support/deploy/driver-objects.js';
import { needsHelm, renderChart } from '../../support/deploy/helm.js';
import { deployFolder, only, parseManifests, rendered, type Manifest } from '../../support/deploy/manifests.js';
import { needs } from '../../support/e2e/rendered-classes.js';
import { started } from '../../support/started.js';

/** kubectl sends the selector of a budget each time, whether it has changed or not. */
const isAlwaysSent = (line: string): boolean => line === 'poddisruptionbudget.policy/connectors-proxy configured';

const isApi = ({ kind }: Manifest): boolean => kind === 'CustomResourceDefinition';

describe('kubectl apply', () => {
  let server: ApplyServer;
  before(needs('kubectl'));
  beforeEach(async () => {
    server = started(await ApplyServer.start());
  });

  async function lines(objects: readonly Manifest[]): Promise<readonly string[]> {
    const { status, stdout, stderr } = await server.apply(objects);
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
    const printed = stdout.trim().split('\n');
    assert.equal(printed.length, objects.length, stdout);
    return printed;
  }

  async function assertAppliesTwice(parts: readonly (readonly Manifest[])[]): Promise<void> {
    for (const objects of parts) {
      for (const line of await lines(objects)) assert.match(line, / created$/);
      const changed = (await lines(objects)).filter((line) => !line.endsWith(' unchanged') && !isAlwaysSent(line));
      assert.deepEqual(changed, [], server.patches.join('\n'));
    }
  }

  it('of all that the chart has finds nothing to change the second time', async function () {
    needsHelm.call(this);
    const objects = await renderChart({ ...allValues, networkPolicy: true }, { kubeVersion: '1.37' });
    await assertAppliesTwice([objects.filter(isApi), objects.filter((object) => !isApi(object))]);
  });

  it('of deploy/examples/overlay, with all that it offers in comments, installs an image of a registry', async () => {
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
