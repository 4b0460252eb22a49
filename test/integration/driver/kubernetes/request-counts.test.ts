import assert from 'node:assert/strict';
import { Cluster } from '../../../support/driver/cluster.ts';
import { driverUser } from '../../../support/driver/driver-account.ts';
import { KubeletClient, assertFails } from '../../../support/driver/kubelet-client.ts';
import { connector, connectorClass } from '../../../support/driver/manifests.ts';
import type { TestVolume } from '../../../support/driver/test-volume.ts';
import { tokenFor } from '../../../support/driver/tokens.ts';
import { eventually } from '../../../support/poll.ts';
import { started } from '../../../support/started.ts';

const minuteMs = 60_000;

describe('requests to the API server', () => {
  let cluster: Cluster;
  let nowMs: number;
  let startMs: number;
  /** The test moves both clocks. */
  const clocks = { now: (): number => nowMs, monotonicNow: (): number => performance.now() + nowMs - startMs };
  beforeEach(async () => {
    cluster = started(await Cluster.start());
    startMs = Date.now();
    nowMs = startMs;
  });

  /** How often each request was made, by verb, resource and name. */
  const requests = (): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (const { verb, resource, name } of cluster.api.requestsOf({ user: driverUser })) {
      const key = [verb, resource, name].filter((part) => part !== '').join(' ');
      counts[key] = (counts[key] ?? 0) + 1;
    }
    return counts;
  };
  const readAndWatched = (...objects: readonly string[]): Record<string, number> =>
    Object.fromEntries(objects.flatMap((object) => [`list ${object}`, `watch ${object}`].map((key) => [key, 1])));
  const atStart = readAndWatched('csidrivers connectors-csi', 'configmaps connectors-config');
  const untilWatches = (count: number): Promise<void> =>
    eventually(`${count} watches are open`, () => cluster.api.openWatches() === count);
  /** Volumes of pods of an account, with tokens that outlive the test's clock. */
  const volumes = (count: number, serviceAccountName = 'builder'): TestVolume[] =>
    Array.from({ length: count }, () => {
      const volume = cluster.node.volume({ serviceAccountName });
      volume.token = tokenFor(volume.pod, { expiresIn: 4 * 3600 });
      return volume;
    });

  it('are one read and one watch per object and one review, however many volumes come at once', async () => {
    const driver = await cluster.readyDriver();
    const burst = volumes(110);
    await Promise.all(burst.map((volume) => driver.kubelet.publishVolume(volume)));
    await untilWatches(4);
    assert.equal(cluster.node.mounts().length, burst.length);
    assert.deepEqual(requests(), {
      ...atStart,
      ...readAndWatched('connectors harbor', 'connectorclasses oci'),
      'create subjectaccessreviews': 1,
    });
  });

  it('are one review for each pair of account and connector', async () => {
    cluster.put(connector('github', { className: 'git' }));
    cluster.put(connectorClass('git'));
    cluster.allow('github');
    cluster.allow('harbor', 'ci/other');
    const driver = await cluster.readyDriver();
    const both = { attributes: { connectors: 'harbor,github' } };
    await Promise.all([
      ...volumes(20).map((volume) => driver.kubelet.publishVolume(volume, both)),
      ...volumes(20, 'other').map((volume) => driver.kubelet.publishVolume(volume)),
    ]);
    await untilWatches(6);
    assert.deepEqual(requests(), {
      ...atStart,
      ...readAndWatched('connectors harbor', 'connectorclasses oci', 'connectors github', 'connectorclasses git'),
      'create subjectaccessreviews': 3,
    });
  });

  it('are none for a volume of more connectors than its pod may have watched', async () => {
    const driver = await cluster.readyDriver({ flags: ['--max-watched-objects', '40'] });
    const connectors = Array.from({ length: 11 }, (_, index) => `made-up-${index}`).join();
    const volume = cluster.node.volume();
    await assertFails(
      driver.kubelet.publishVolume(volume, { attributes: { connectors } }),
      'RESOURCE_EXHAUSTED',
      /one of 11 that are needed at once/,
    );
    await untilWatches(2);
    assert.deepEqual(requests(), atStart);
  });

  it('are, over an hour of republishes, a review a minute for each pair, and nothing else', async () => {
    cluster.allow('harbor', 'ci/other');
    const driver = await cluster.readyDriver({ ...clocks });
    const kubelet = new KubeletClient(cluster.node.socketPath, { shared: true });
    const published = [...volumes(10), ...volumes(10, 'other')];
    const republish = (): Promise<unknown> => Promise.all(published.map((volume) => kubelet.publishVolume(volume)));
    await republish();
    await untilWatches(4);
    const revisions = published.map((volume) => volume.revision());
    cluster.api.clearRequests();
    const minutes = 60;
    for (let minute = 0; minute < minutes; minute += 1) {
      // The kubelet comes once a minute and on every event of the pod.
      for (const part of [0.5, 0.3, 0.2]) {
        nowMs += part * minuteMs;
        await republish();
      }
    }
    kubelet.close();
    assert.deepEqual(
      published.map((volume) => volume.revision()),
      revisions,
    );
    const { 'create subjectaccessreviews': reviews, ...others } = requests();
    assert.deepEqual(others, {});
    const pairs = 2;
    assert.ok(reviews !== undefined && reviews <= pairs * minutes, `${String(reviews)} reviews`);
    assert.ok(reviews >= (pairs * minutes) / 2, `${reviews} reviews cannot keep the answers fresh`);
    assert.equal(driver.log.includes('"path":"refreshed"'), false);
  });

  it('end for an object a while after its last volume, and not before', async () => {
    cluster.put(connector('github', { className: 'git' }));
    cluster.put(connectorClass('git'));
    cluster.allow('github');
    const watchTimes = { idleMs: 5 * minuteMs, sweepMs: 5 };
    const driver = await cluster.readyDriver({ ...clocks, watchTimes });
    const [kept, gone] = volumes(2) as [TestVolume, TestVolume];
    await driver.kubelet.publishVolume(kept);
    await driver.kubelet.publishVolume(gone, { attributes: { connectors: 'github' } });
    await untilWatches(6);
    await driver.kubelet.unpublishVolume(gone);
    nowMs += 5 * minuteMs;
    await untilWatches(4);
    const text = await driver.driver.metrics.text();
    assert.match(text, /^connectors_csi_limit_used\{limit="watches"\} 1$/m);

    cluster.api.clearRequests();
    await driver.kubelet.publishVolume(kept);
    assert.deepEqual(requests(), { 'create subjectaccessreviews': 1 });
    await driver.kubelet.publishVolume(gone, { attributes: { connectors: 'github' } });
    await untilWatches(6);
  });
});
