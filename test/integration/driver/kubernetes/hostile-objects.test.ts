import assert from 'node:assert/strict';
import { Cluster } from '../../../support/driver/cluster.ts';
import { DriverProcess } from '../../../support/driver/driver-process.ts';
import { processorMs } from '../../../support/driver/first-publish.ts';
import { connector } from '../../../support/driver/manifests.ts';
import { eventually } from '../../../support/poll.ts';
import type { JsonObject } from '../../../../src/shared/json.ts';
import { started } from '../../../support/started.ts';

/** What the objects of the API may hold: whoever may write them is a tenant like any other. */
describe('the built driver, faced with objects that are made to hurt it', () => {
  let cluster: Cluster;
  let driver: DriverProcess;
  beforeEach(async () => {
    cluster = started(await Cluster.start());
    driver = new DriverProcess(cluster.node, cluster.processFlags(), { NODE_OPTIONS: '--max-old-space-size=64' });
    await driver.kubelet.untilReady();
  });
  afterEach(() => driver.kill());

  /** @param bytes of JSON, all of it `{}`, which takes twenty times as much when parsed. */
  function junk(name: string, bytes: number): JsonObject {
    const object = connector(name);
    const items = Array.from({ length: bytes / 3 }, () => ({}));
    return { ...object, spec: { ...(object['spec'] as JsonObject), junk: items } };
  }

  async function publishesAnother(): Promise<void> {
    const volume = cluster.node.volume();
    await driver.kubelet.publishVolume(volume);
    assert.equal(volume.read()['context.token'], volume.token);
    await driver.kubelet.unpublishVolume(volume);
  }

  it('reads an object that is updated again and again at a limited rate, and has its last state', async function () {
    const volume = cluster.node.volume();
    cluster.put(junk('busy', 60_000));
    cluster.allow('busy');
    const changes = { attributes: { connectors: 'busy' } };
    await driver.kubelet.publishVolume(volume, changes);
    const restarts = /^connectors_csi_watch_restarts_total\{resource="connectors",reason="throttled"\} (\d+)$/m;
    const throttled = async (): Promise<number> =>
      Number(restarts.exec((await driver.http('/metrics')).body)?.[1] ?? 0);
    const startedMs = performance.now();
    const cpuBefore = processorMs(driver.pid);
    let updates = 0;
    // Junk costs the server of this process 12 ms, a long text 0.3.
    const update = (count: number): void => {
      cluster.put(junk('busy', 60_000 - 3 * (updates % 1000)));
      for (let more = 1; more < count; more += 1) {
        cluster.put({ ...connector('busy'), note: `${updates + more} ${'x'.repeat(60_000)}` });
      }
      updates += count;
    };
    await eventually(
      'its updates are throttled',
      async () => {
        update(20);
        return (await throttled()) >= 1;
      },
      60_000,
    );
    // The object goes on changing while it is throttled.
    for (let round = 0; round < 10; round += 1) {
      update(20);
      await publishesAnother();
    }
    const cpuShare = (processorMs(driver.pid) - cpuBefore) / (performance.now() - startedMs);
    await publishesAnother();
    const last = connector('busy', { proxyUrl: 'http://last.example' });
    cluster.put(last);
    volume.renewToken();
    await eventually(
      'the last state has come',
      async () => {
        await driver.kubelet.publishVolume(volume, changes).catch(() => undefined);
        return volume.read()['connector.status.proxyAddress'] === 'http://last.example';
      },
      40_000,
    );
    console.log(`        ${(100 * cpuShare).toFixed(0)} % of a core, ${updates} updates, ${await throttled()} pauses`);
  });
});
