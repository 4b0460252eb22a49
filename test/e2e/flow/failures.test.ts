import assert from 'node:assert/strict';
import type { TestVolume } from '../../support/driver/test-volume.ts';
import { useFlowFixture } from '../../support/e2e/flow-fixture.ts';
import { ToolServer } from '../../support/proxy/tool-server.ts';

const host = 'tools.test';

/** Cells of the table in docs/failures.md. */
describe('programs and volumes', function () {
  this.timeout(120_000);
  let tool: ToolServer;
  let endedUrl: string;
  let volume: TestVolume;
  const use = useFlowFixture({ hosts: [host] }, ['curl'], async (fixture) => {
    tool = await ToolServer.start('https', (_request, response) => void response.end('welcome'), [host]);
    const ended = await ToolServer.start('https', undefined, [host]);
    endedUrl = ended.url(host);
    await ended.stop();
    fixture.onStop(() => tool.stop());
    fixture.connect('tool', tool.url(host), { secret: 'login' });
    fixture.connect('ended', endedUrl, { secret: 'login' });
    fixture.allow(['tool', 'ended']);
    volume = await fixture.volume({ attributes: { connectors: 'tool' } });
  });
  const curl = (of: TestVolume, url = `${tool.url(host)}/page`): Promise<string> =>
    use.fixture.try(of, `curl -sSi --cacert ca.crt ${url}`).then(({ output }) => output);

  it('without the tool: a volume is mounted, and its program gets 502', async () => {
    const ofEnded = await use.fixture.volume({ attributes: { connectors: 'ended' } });
    assert.match(await curl(ofEnded, `${endedUrl}/page`), /^HTTP\/1\.1 502 /m);
  });

  it('without the driver: a program goes on with the files that it has', async () => {
    await use.fixture.restartDriver(async () => {
      assert.match(await curl(volume), /welcome/);
    });
    await use.fixture.publish(volume, { connectors: 'tool' });
    assert.match(await curl(volume), /welcome/);
  });

  it('without a proxy: volumes are mounted and refreshed, and programs find no connection', async () => {
    await use.fixture.proxy.stop();
    const before = volume.read()['context.token'];
    await use.fixture.publish(volume, { connectors: 'tool' });
    assert.notEqual(volume.read()['context.token'], before);
    const another = await use.fixture.volume({ attributes: { connectors: 'tool' } });
    for (const each of [volume, another]) assert.match(await curl(each), /Failed to connect|refused/i);
    await use.fixture.restartProxy();
    use.fixture.connect('tool', tool.url(host), { secret: 'login' });
    await use.fixture.publish(another, { connectors: 'tool' });
    assert.match(await curl(another), /welcome/);
  });
});
