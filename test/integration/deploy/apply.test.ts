import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { ApplyServer } from '../../support/deploy/apply-server.js';
import { buildFolder, buildOverlay, deployFolder, type Manifest } from '../../support/deploy/manifests.js';
import { needs } from '../../support/e2e/rendered-classes.js';

/** Every component, but for those that are in others or in the overlay, and one that needs a value of the overlay's. */
const components = readdirSync(path.join(deployFolder, 'components')).filter(
  (name) => !['admission', 'kubelet-dir', 'token-in-secrets', 'volume-limit'].includes(name),
);

/** kubectl sends the selector of a budget each time, whether it has changed or not. */
const isAlwaysSent = (line: string): boolean => line === 'poddisruptionbudget.policy/connectors-proxy configured';

describe('kubectl apply of deploy/', () => {
  let server: ApplyServer;
  before(needs('kubectl'));
  beforeEach(async () => {
    server = await ApplyServer.start();
  });
  afterEach(() => server.stop());

  async function lines(objects: readonly Manifest[]): Promise<readonly string[]> {
    const { status, stdout, stderr } = await server.apply(objects);
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
    const printed = stdout.trim().split('\n');
    assert.equal(printed.length, objects.length, stdout);
    return printed;
  }

  it('finds nothing to change the second time, with all components', async () => {
    // The component image-pulls contains deploy/image-pulls.
    const folders = ['crds', 'standalone', 'classes', 'observability', 'observability/proxy'];
    const builds = folders.map((name) =>
      name === 'standalone' ? buildOverlay(components, {}, name) : buildFolder(path.join(deployFolder, name)),
    );
    for (const objects of await Promise.all(builds)) {
      for (const line of await lines(objects)) assert.match(line, / created$/);
      const changed = (await lines(objects)).filter((line) => !line.endsWith(' unchanged') && !isAlwaysSent(line));
      assert.deepEqual(changed, [], server.patches.join('\n'));
    }
  });
});
