import assert from 'node:assert/strict';
import { Cluster } from '../../../support/driver/cluster.ts';
import type { ClusterDriverOptions } from '../../../support/driver/cluster.ts';
import type { InProcessDriver } from '../../../support/driver/in-process-driver.ts';
import { assertFails } from '../../../support/driver/kubelet-client.ts';
import { connector } from '../../../support/driver/manifests.ts';
import type { TestVolume } from '../../../support/driver/test-volume.ts';
import type { StoredObject } from '../../../support/kube-api/resources.ts';
import { eventually } from '../../../support/poll.ts';
import { started } from '../../../support/started.ts';

interface PodEvent extends StoredObject {
  readonly reason: string;
  readonly type: string;
  readonly note: string;
  readonly regarding: object;
}

describe('events on a pod', () => {
  let cluster: Cluster;
  let monotonicMs: number;
  beforeEach(async () => {
    cluster = started(await Cluster.start());
    cluster.grantDriver('events');
    monotonicMs = performance.now();
  });

  const start = (options: ClusterDriverOptions = {}): Promise<InProcessDriver> =>
    cluster.readyDriver({ flags: ['--pod-events'], monotonicNow: () => monotonicMs + performance.now(), ...options });
  const events = (): readonly PodEvent[] => cluster.api.list('events') as unknown as readonly PodEvent[];
  const reasons = (): readonly string[] => events().map(({ reason }) => reason);
  const told = (count: number): Promise<void> => eventually(`${count} events`, () => events().length >= count);
  /** As if another pod's token had come. */
  const fail = (driver: InProcessDriver, volume: TestVolume): Promise<unknown> =>
    assertFails(
      driver.kubelet.publishVolume(volume, { token: cluster.node.volume().token }),
      'UNAVAILABLE',
      /is not bound to pod/,
    );
  const mounted = async (driver: InProcessDriver): Promise<TestVolume> => {
    const volume = cluster.node.volume();
    await driver.kubelet.publishVolume(volume);
    return volume;
  };

  it('tell that a refresh has failed, of what and whose doing it is, and that it is over', async () => {
    const driver = await start();
    const volume = await mounted(driver);
    cluster.api.delete('connectors', { namespace: 'ci', name: 'harbor' });
    await told(1);
    const [failed] = events();
    const { namespace, name, uid } = volume.pod;
    assert.deepEqual(failed!.regarding, { apiVersion: 'v1', kind: 'Pod', namespace, name, uid });
    assert.deepEqual(
      [failed!.metadata.namespace, failed!.reason, failed!.type, failed!['reportingController'], failed!['action']],
      [namespace, 'ConnectorRefreshFailed', 'Warning', 'connectors-csi', 'Refresh'],
    );
    assert.match(failed!.metadata.name, new RegExp(`^${name}\\.[0-9a-f]{16}$`));
    assert.match(String(failed!['eventTime']), /^20\d\d-.*\.\d{6}Z$/);
    assert.match(
      failed!.note,
      /^Volume "connectors" could not be refreshed\. The files are as they were, whose token is valid until 20.*Z\. NOT_FOUND: connector ci\/harbor/,
    );
    cluster.put(connector('harbor', { proxyUrl: 'http://back.example' }));
    await told(2);
    const recovered = events().find(({ reason }) => reason === 'ConnectorRefreshed')!;
    assert.equal(recovered.type, 'Normal');
    assert.match(
      recovered.note,
      /^Volume "connectors" is current again, after \d+s in which it could not be refreshed \(NOT_FOUND\)\.$/,
    );
    assert.ok(!JSON.stringify(events()).includes(volume.token));
  });

  it('tell once what of a mounted volume its author did not mean', async () => {
    const driver = await start();
    const volume = cluster.node.volume();
    const request = volume.publishRequest({ attributes: { connectors: 'harbor', 'configuration.names': '!nope' } });
    await driver.kubelet.publish(request);
    await told(1);
    const [{ reason, type, note }] = events() as readonly [PodEvent];
    assert.deepEqual([reason, type], ['ConnectorVolumeWarning', 'Warning']);
    assert.match(note, /^Volume "connectors" needs a look at its content: .*excludes "nope"/);
    volume.renewToken();
    await driver.kubelet.publishVolume(volume, {
      attributes: { connectors: 'harbor', 'configuration.names': '!nope' },
    });
    await fail(driver, volume);
    await told(2);
    assert.deepEqual(reasons().toSorted(), ['ConnectorRefreshFailed', 'ConnectorVolumeWarning']);
  });

  it('are one for a failure that goes on, and another one after half an hour', async () => {
    const driver = await start();
    const volume = await mounted(driver);
    for (let round = 0; round < 3; round += 1) await fail(driver, volume);
    await told(1);
    monotonicMs += 1_800_000;
    await fail(driver, volume);
    await told(2);
    await fail(driver, volume);
    await assertFails(
      driver.kubelet.publishVolume(volume, { token: 'x' }),
      'UNAVAILABLE',
      /^refresh failed(?!.*is not bound)/,
    );
    await told(3);
    assert.deepEqual(new Set(reasons()), new Set(['ConnectorRefreshFailed']));
    assert.equal(cluster.api.count({ resource: 'events' }), 3);
  });

  it('are few, however often a volume fails and recovers', async () => {
    const driver = await start();
    const volume = await mounted(driver);
    for (let round = 0; round < 8; round += 1) {
      await fail(driver, volume);
      await driver.kubelet.publishVolume(volume);
    }
    const other = await mounted(driver);
    await fail(driver, other);
    await eventually('another pod is told', () =>
      events().some(({ regarding }) => (regarding as { uid: string }).uid === other.pod.uid),
    );
    assert.ok(events().length <= 7, `${events().length}`);
  });

  for (const [what, effect] of [
    ['refuses them', { kind: 'status', code: 403, reason: 'Forbidden', message: 'no' }],
    ['fails', { kind: 'status', code: 500, reason: 'InternalError', message: 'x' }],
    ['breaks the connection', { kind: 'reset' }],
  ] as const) {
    it(`are told at the next failure when the API server ${what}`, async () => {
      const driver = await start();
      const volume = await mounted(driver);
      const fault = cluster.api.faults.add({ resource: 'events', effect });
      await fail(driver, volume);
      await eventually('it is logged', () => driver.log.includes('Failed to write event on pod'));
      fault.remove();
      await fail(driver, volume);
      await told(1);
    });
  }

  it('are of no pod without the flag', async () => {
    const driver = await start({ flags: [] });
    const volume = await mounted(driver);
    await fail(driver, volume);
    await driver.kubelet.publishVolume(volume);
    await driver.kubelet.unpublishVolume(volume);
    assert.equal(cluster.api.count({ resource: 'events' }), 0);
  });
});
