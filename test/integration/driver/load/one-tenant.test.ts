import assert from 'node:assert/strict';
import { driverLimits } from '../../../../src/driver/limits.ts';
import { floorsOf } from '../../../../src/shared/limits/dynamic-share.ts';
import { LoadGenerator } from '../../../support/load-generator/load-generator.ts';
import type { LoadPod } from '../../../support/load-generator/load-messages.ts';
import { Cluster } from '../../../support/driver/cluster.ts';
import { DriverProcess } from '../../../support/driver/driver-process.ts';
import { firstPublish } from '../../../support/driver/first-publish.ts';
import { connector, connectorClass } from '../../../support/driver/manifests.ts';
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

  // With other names, every-attack.test.ts has such volumes.
  const names = (prefix: string, count: number): Record<string, string> =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`${prefix}${index.toString(36)}`, '']));
  for (const [what, attributes, secrets] of [
    ['8,000 names of the kubelet', names('csi.storage.k8s.io/', 8000), {}],
    ['a Secret of 27,000 keys', { connectors: 'own' }, names('', 27_000)],
  ] as const) {
    it(`stops nobody with volumes of ${what}, and is told how many there can be`, async () => {
      const pods = Array.from({ length: 12 }, (_, pod): LoadPod => {
        return { identity: { namespace: 'evil', name: `many-${pod}` }, volumes: 3, attributes, secrets };
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

  const untilTold = (message: RegExp): Promise<void> =>
    eventually('evil meets its share', async () =>
      (await loadGenerator.report()).events.some(([text]) => message.test(text)),
    );
  const used = async (): Promise<number> => {
    const { body } = await driver.http('/metrics');
    return Number(/^connectors_csi_limit_used\{limit="volume_memory_bytes"\} (\d+)$/m.exec(body)?.[1]);
  };

  it('leaves memory to others when it keeps replaced files open that nobody can see, and has it back when it closes them', async () => {
    const big = { name: 'big', data: { big: '{{ repeat 900000 "x" }}' } };
    cluster.put(connectorClass('big', { configurations: [big] }));
    cluster.put(connector('big', { namespace: 'evil', className: 'big' }));
    cluster.allow('big', 'evil/builder', 'evil');
    const large = { connectors: 'big', 'configuration.names': 'big' };
    await loadGenerator.hoard(cluster.node, { namespace: 'evil', large, small: { connectors: 'own' }, file: 'big' });
    await untilTold(/: the volumes of namespace evil on this node can use/);
    await serves(5);
    const { hoarded } = await loadGenerator.report();
    assert.ok((await used()) > hoarded * 900_000);
    await loadGenerator.tearDown();
    await eventually('the memory is released', async () => (await used()) < 10 << 20);
    await driver.kubelet.publishVolume(cluster.node.volume({ namespace: 'evil' }), { attributes: large });
  }).timeout(600_000);

  it('takes no more than its share of a node after the driver has started again', async () => {
    cluster.put(connectorClass('big', { configurations: [{ name: 'big', data: { big: '{{ repeat 900000 "x" }}' } }] }));
    cluster.put(connector('big', { namespace: 'evil', className: 'big' }));
    for (const namespace of ['evil', 'late']) cluster.allow('big', `${namespace}/builder`, 'evil');
    const attributes = { connectors: 'evil/big', 'configuration.names': 'big' };
    const pods = Array.from({ length: 20 }, (_, pod): LoadPod => {
      return { identity: { namespace: 'evil', name: `fills-${pod}` }, volumes: 10, attributes };
    });
    const budget = limitBytes - driverLimits.volumeMemory.reserveBytes;
    // Mounted volumes are not refreshed, so that their namespace stays unknown after the restart.
    const timing = { republishMs: 3_600_000, callTimeoutMs: 120_000, firstBackoffMs: 500, maxBackoffMs: 2000 };
    await loadGenerator.run(cluster.node, pods, timing);
    await untilTold(/: the volumes of namespace evil on this node can use/);
    assert.ok((await used()) <= budget * driverLimits.volumeMemory.namespaceShare);
    await driver.stop();
    await start();
    const before = await used();
    await untilTold(/share, and volumes of an earlier driver \d+ MiB until they are refreshed/);
    // A namespace that has little gets its floor.
    assert.ok((await used()) <= before + floorsOf(budget).floor);
    await driver.kubelet.publishVolume(cluster.node.volume({ namespace: 'late' }), { attributes });
    await serves(2);
  }).timeout(600_000);
});
