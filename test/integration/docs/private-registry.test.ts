import assert from 'node:assert/strict';
import { ApplyServer } from '../../support/deploy/apply-server.js';
import { pageCommands, writePageFiles } from '../../support/docs/registry-page.js';
import { needs } from '../../support/e2e/rendered-classes.js';

/** What waits for the proxy's word about a Connector: the flow test of the page has a proxy. */
const isAboutStatus = (command: string): boolean => command.includes('connector/');

describe('the commands of docs/private-registry.md', () => {
  let server: ApplyServer;
  before(needs('kubectl'));
  beforeEach(async () => {
    server = await ApplyServer.start();
    writePageFiles(server.folder);
  });
  afterEach(() => server.stop());

  it('succeed one after the other without an error or a warning, in a cluster without the CRDs', async () => {
    const commands = pageCommands.filter((command) => !isAboutStatus(command));
    assert.ok(commands.length >= 8, commands.join('\n'));
    for (const command of commands) {
      const { status, stdout, stderr } = await server.run(command);
      assert.deepEqual({ command, status, stderr }, { command, status: 0, stderr: '' });
      assert.notEqual(stdout, '', command);
    }
  });
});
