import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TestVolume } from '../../support/driver/test-volume.ts';
import { rotationCommands } from '../../support/e2e/ca-rotation.ts';
import { useFlowFixture } from '../../support/e2e/flow-fixture.ts';
import { needsKnownPorts } from '../../support/e2e/host-names.ts';
import { kubectl } from '../../support/e2e/kubectl.ts';
import { eventually } from '../../support/poll.ts';
import { ToolServer } from '../../support/proxy/tool-server.ts';

const host = 'tool.test';

describe('the rotation of the CA in docs/proxy.md', function () {
  this.timeout(120_000);
  let tool: ToolServer;
  let volume: TestVolume;
  before(needsKnownPorts);
  const use = useFlowFixture({ hosts: [host], isAtService: true }, ['kubectl', 'openssl', 'curl'], async (fixture) => {
    tool = await ToolServer.start('https', (_request, response) => void response.end('welcome'), [host]);
    fixture.onStop(() => tool.stop());
    fixture.allow(['tool']);
    fixture.connect('tool', tool.url(host), { secret: 'login' });
    await eventually('the connector has an address', () =>
      JSON.stringify(fixture.api.get('connectors', { namespace: 'ci', name: 'tool' })).includes('httpAddress'),
    );
    volume = await fixture.volume({ attributes: { connectors: 'tool' } });
  });

  it('replaces the CA, and no program meets a certificate that it does not trust', async () => {
    const { fixture } = use;
    const held = path.join(fixture.work, 'held.crt');
    const certificates = (): string => volume.read()['ca.crt'] ?? '';
    const ask = (trusted: string): Promise<string> =>
      fixture.task(volume, `curl -sS --cacert ${trusted} ${tool.url(host)}/`);
    const [prepare = '', ...steps] = rotationCommands();
    assert.equal(steps.length, 3);
    const before = certificates();
    await kubectl(fixture, prepare);
    for (const step of steps) {
      // What a program has read that goes on running.
      writeFileSync(held, certificates());
      await kubectl(fixture, step);
      await eventually('the volume has followed', () => certificates() === fixture.authority);
      assert.equal(await ask(held), 'welcome', step);
      assert.equal(await ask('ca.crt'), 'welcome', step);
    }
    const after = certificates();
    assert.equal(after.match(/BEGIN CERTIFICATE/g)?.length, 1);
    assert.notEqual(after, before);
    // The new key signs: who has the old certificate alone does not trust it.
    writeFileSync(held, before);
    const { output } = await fixture.try(volume, `curl -sS --cacert ${held} ${tool.url(host)}/`);
    assert.match(output, /SSL certificate problem/);
  });
});
