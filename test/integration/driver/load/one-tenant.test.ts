import assert from 'node:assert/strict';
import { LoadGenerator } from '../../../support/load-generator/load-generator.ts';
import type { LoadPod } from '../../../support/load-generator/load-messages.ts';
import { Cluster } from '../../../support/driver/cluster.ts';
import { DriverProcess } from '../../../support/driver/driver-process.ts';
import { firstPublish } from '../../../support/driver/first-publish.ts';
import { connector } from '../../../support/driver/manifests.ts';
import { eventually } from '../../../support/poll.ts';
import { MemoryCgroup } from '../../../support/soak/memory-cgroup.ts';

/** As deployed. */
const limitBytes = 576 << 20;

describe('a tenant without a special right', () => {
  let cluster: Cluster;
  let driver: DriverProcess;
  let loadGenerator: LoadGenerator;
  let cgroup: MemoryCgroup | undefined;
  const start = async (): Promise<void> => {
    driver = new DriverProcess(
      cluster.node,
      [...cluster.processFlags(), '--log-level', 'info'],
      {},
      cgroup?.entering ?? [],
    );
    await driver.kubelet.untilReady();
  };
  beforeEach(async () => {
    cluster = await Cluster.start();
    cluster.put(connector('own', { namespace: 'evil' }));
    cluster.allow('own', 'evil/builder', 'evil');
    cgroup = MemoryCgroup.make(limitBytes);
    loadGenerator = new LoadGenerator();
    await start();
  });
  afterEach(async () => {
    await loadGenerator.end();
    driver.kill();
    await driver.exited;
    await cluster.stop();
    cgroup?.remove();
  });

  /** New pods of another namespace get their volumes, mounted ones new tokens, and the kubelet's probe its answer. */
  const serves = async (pods: number): Promise<void> => {
    const mounted = cluster.node.volume();
    await firstPublish(driver, mounted);
    for (let pod = 0; pod < pods; pod += 1) {
      await firstPublish(driver, cluster.node.volume());
      mounted.renewToken();
      await firstPublish(driver, mounted);
      assert.equal(mounted.read()['context.token'], mounted.token);
      assert.equal((await driver.http('/healthz')).status, 200);
    }
    assert.equal(cgroup?.kills ?? 0, 0);
  };

  const names = (prefix: string, count: number): Record<string, string> =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`${prefix}${index.toString(36)}`, '']));
  for (const [what, attributes] of [
    ['27,000 attributes', names('', 27_000)],
    ['8,000 names of the kubelet', names('csi.storage.k8s.io/', 8000)],
  ] as const) {
    it(`stops nobody with volumes of ${what}, and is told how many there can be`, async () => {
      const pods = Array.from({ length: 12 }, (_, pod): LoadPod => {
        return { identity: { namespace: 'evil', name: `many-${pod}` }, volumes: 3, attributes };
      });
      await loadGenerator.run(cluster.node, pods);
      await serves(8);
      const isTold = ([text]: readonly [string, number]): boolean =>
        text.includes('over 128 volumeAttributes and keys');
      await eventually('the pods are told', async () => (await loadGenerator.report()).events.some(isTold));
      const { events } = await loadGenerator.report();
      // Others are of pods that fail all the time.
      assert.deepEqual(
        events.filter((event) => !isTold(event) && !event[0].includes('was not tried')),
        [],
      );
    }).timeout(600_000);
  }
});
