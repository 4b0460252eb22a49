import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Cluster } from '../../../support/driver/cluster.js';
import { DriverProcess } from '../../../support/driver/driver-process.js';
import { connector } from '../../../support/driver/manifests.js';
import { assertFails } from '../../../support/driver/kubelet-client.js';
import { eventually } from '../../../support/poll.js';
import type { JsonObject } from '../../../../src/shared/json.js';

/** What the objects of the API may hold: whoever may write them is a tenant like any other. */
describe('the built driver, faced with objects that are made to hurt it', () => {
  let cluster: Cluster;
  let driver: DriverProcess;
  beforeEach(async () => {
    cluster = await Cluster.start();
    driver = new DriverProcess(cluster.node, cluster.processFlags(), { NODE_OPTIONS: '--max-old-space-size=64' });
    await driver.kubelet.untilReady();
  });
  afterEach(async () => {
    driver.kill();
    await cluster.stop();
  });

  /** @param bytes of JSON, all of it `{}`, which takes twenty times as much when parsed. */
  function junk(name: string, bytes: number): JsonObject {
    const object = connector(name);
    const items = Array.from({ length: bytes / 3 }, () => ({}));
    return { ...object, spec: { ...(object['spec'] as JsonObject), junk: items } };
  }

  async function publishesAnother(): Promise<void> {
    const volume = cluster.node.volume();
    await driver.kubelet.publish(volume.publishRequest());
    assert.equal(volume.read()['context.token'], volume.token);
    await driver.kubelet.unpublishVolume(volume);
  }

  it('refuses twelve Connectors of 1.3 MB each to the pod that names them, and to nobody else', async function () {
    const names = Array.from({ length: 12 }, (_, index) => `junk-${index}`);
    for (const name of names) {
      cluster.put(junk(name, 1_300_000));
      cluster.allow(name);
    }
    const before = residentBytes(driver.pid);
    const hostile = cluster.node.volume();
    const changes = { attributes: { connectors: names.join() } };
    await assertFails(
      driver.kubelet.publish(hostile.publishRequest(changes)),
      'FAILED_PRECONDITION',
      /^connector ci\/junk-\d+ is larger than 64 KiB: make it smaller$/,
    );
    await publishesAnother();
    for (const name of names) {
      await assertFails(
        driver.kubelet.publish(cluster.node.volume().publishRequest({ attributes: { connectors: name } })),
        'FAILED_PRECONDITION',
        new RegExp(`^connector ci/${name} is larger than 64 KiB`),
      );
    }
    const grownBytes = residentBytes(driver.pid) - before;
    console.log(`        resident memory grew by ${(grownBytes / 1e6).toFixed(1)} MB`);
    // Parsed, they would take 300 MB.
    assert.ok(grownBytes < 60e6, `grew by ${grownBytes}`);
    // Mended, it is there at the next try.
    cluster.put(connector('junk-0'));
    await eventually('the smaller one is taken', async () => {
      await driver.kubelet
        .publish(hostile.publishRequest({ attributes: { connectors: 'junk-0' } }))
        .catch(() => undefined);
      return hostile.kubeletEntries().includes('mount');
    });
    assert.equal(hostile.read()['context.token'], hostile.token);
  });

  it('reads an object that is updated again and again at a limited rate, and has its last state', async function () {
    const volume = cluster.node.volume();
    cluster.put(junk('busy', 60_000));
    cluster.allow('busy');
    const changes = { attributes: { connectors: 'busy' } };
    await driver.kubelet.publish(volume.publishRequest(changes));
    const restarts = /^connectors_csi_watch_restarts_total\{resource="connectors",reason="throttled"\} (\d+)$/m;
    const throttled = async (): Promise<number> =>
      Number(restarts.exec((await driver.http('/metrics')).body)?.[1] ?? 0);
    const startedMs = performance.now();
    const cpuBefore = cpuMs(driver.pid);
    let updates = 0;
    const update = (count: number): void => {
      for (let more = 0; more < count; more += 1, updates += 1)
        cluster.put(junk('busy', 60_000 - 3 * (updates % 1000)));
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
    const cpuShare = (cpuMs(driver.pid) - cpuBefore) / (performance.now() - startedMs);
    await publishesAnother();
    const last = connector('busy', { proxyUrl: 'http://last.example' });
    cluster.put(last);
    volume.renewToken();
    await eventually(
      'the last state has come',
      async () => {
        await driver.kubelet.publish(volume.publishRequest(changes)).catch(() => undefined);
        return volume.read()['connector.status.proxyAddress'] === 'http://last.example';
      },
      40_000,
    );
    console.log(`        ${(100 * cpuShare).toFixed(0)} % of a core, ${updates} updates, ${await throttled()} pauses`);
  });
});

function residentBytes(pid: number): number {
  const [, kiB = '0'] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kiB) * 1024;
}

/** User and system time, in ticks of ten milliseconds. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
