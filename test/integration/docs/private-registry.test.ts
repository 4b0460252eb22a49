import assert from 'node:assert/strict';
import { ApplyServer } from '../../support/deploy/apply-server.js';
import { only, parseManifests } from '../../support/deploy/manifests.js';
import { objectProblems } from '../../support/deploy/object-problems.js';
import { pageCommands, pageFiles, writePageFiles } from '../../support/docs/registry-page.js';
import { needs } from '../../support/e2e/rendered-classes.js';

/** Needs a proxy, Tekton or pods: the flow test of the page plays these. */
const needsMore = (command: string): boolean => / (wait|logs) /.test(command);

describe('the commands of docs/private-registry.md', () => {
  let server: ApplyServer;
  before(needs('kubectl'));
  beforeEach(async () => {
    server = await ApplyServer.start();
    writePageFiles(server.folder);
  });
  afterEach(() => server.stop());

  it('succeed one after the other without an error or a warning, in a cluster without the CRDs', async () => {
    const commands = pageCommands.filter((command) => !needsMore(command));
    assert.ok(commands.length >= 9, commands.join('\n'));
    for (const command of commands) {
      const { status, stdout, stderr } = await server.run(command);
      assert.deepEqual({ command, status, stderr }, { command, status: 0, stderr: '' });
      assert.equal(stdout === '', command.startsWith('cp '), command);
    }
  });

  it('have files whose comments can be taken in as well', () => {
    const text = pageFiles.get('connector.yaml') ?? '';
    const whole = text.replaceAll(/^( *)# (?=(?:caCertSecretRef|addressExtensions| {2}- \{))/gm, '$1');
    const objects = parseManifests(whole, 'connector.yaml');
    assert.deepEqual(objects.flatMap(objectProblems), []);
    const { caCertSecretRef, addressExtensions } = only(objects, 'Connector')['spec'] as Record<string, unknown>;
    assert.deepEqual(caCertSecretRef, { name: 'registry-ca' });
    assert.deepEqual(addressExtensions, [{ name: 'tokens', value: 'https://auth.example.com' }]);
  });
});
