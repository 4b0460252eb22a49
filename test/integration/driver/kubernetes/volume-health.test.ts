import assert from 'node:assert/strict';
import { ApprovalCluster, harbor } from '../../../support/access/approval-cluster.js';
import { rejected } from '../../../support/access/approvals-controller.js';
import { Cluster } from '../../../support/driver/cluster.js';
import type { InProcessDriver } from '../../../support/driver/in-process-driver.js';
import { assertFails } from '../../../support/driver/kubelet-client.js';
import type { TestVolume } from '../../../support/driver/test-volume.js';

const eventOf = async (publish: Promise<void>): Promise<string> => {
  const error = await publish.then(
    () => assert.fail('the publish succeeded'),
    (failure: unknown) => failure as { readonly details: string },
  );
  return error.details;
};

describe('the health of a volume', () => {
  let cluster: Cluster;
  let driver: InProcessDriver;
  let volume: TestVolume;
  let nowMs: number;
  let revoke: () => void;

  beforeEach(async () => {
    cluster = await Cluster.start();
    nowMs = Date.now();
    volume = cluster.node.volume({ serviceAccountName: 'passing' });
    revoke = cluster.allow('harbor', 'ci/passing');
  });
  afterEach(() => cluster.stop());

  const start = async (...flags: readonly string[]): Promise<void> => {
    driver = await cluster.readyDriver({ flags: ['--not-found-wait', '0s', ...flags], now: () => nowMs });
  };
  const publish = (attributes: Readonly<Record<string, string>> = { connectors: 'harbor' }): Promise<void> =>
    driver.kubelet.publish(volume.publishRequest({ attributes }));
  const health = (): Promise<Record<string, string>> => driver.kubelet.health(volume.volumeId, volume.target);

  it('is good while it is mounted and current, wherever it is', async () => {
    await start();
    await publish();
    assert.deepEqual(await health(), {});
    assert.deepEqual(await driver.kubelet.health(volume.volumeId), {});
  });

  it('is unknown of a volume that nobody asked for, and of another one at the path', async () => {
    await start();
    await assertFails(health(), 'NOT_FOUND', /^no publish of volume csi-\S+ was asked for$/);
    await assertFails(driver.kubelet.health(''), 'INVALID_ARGUMENT', /^volume_id is missing$/);
    await publish();
    await assertFails(driver.kubelet.health('csi-other', volume.target), 'NOT_FOUND', /csi-other/);
    await assertFails(driver.kubelet.health('csi-other'), 'NOT_FOUND', /csi-other/);
    await assertFails(driver.kubelet.health('csi-other', '/etc'), 'NOT_FOUND', /csi-other/);
    await driver.kubelet.unpublishVolume(volume);
    await assertFails(health(), 'NOT_FOUND', /no publish/);
  });

  for (const [reason, attributes] of [
    ['AccessDenied', { connectors: 'unknown' }],
    ['ConfigurationNotFound', { connectors: 'harbor', 'configuration.names': 'none' }],
    ['VolumeInvalid', { connector: 'harbor' }],
  ] as const) {
    it(`is INACCESSIBLE/${reason} before it is mounted, in the words of the event, and good once it is`, async () => {
      await start();
      const event = await eventOf(publish(attributes));
      assert.deepEqual(await health(), { [`INACCESSIBLE/${reason}`]: event });
      assert.deepEqual(await driver.kubelet.health(volume.volumeId), { [`INACCESSIBLE/${reason}`]: event });
      await publish();
      assert.deepEqual(await health(), {});
    });
  }

  it('tells of a connector that does not exist, and of one without an address', async () => {
    await start();
    cluster.allow('missing', 'ci/passing');
    assert.deepEqual(await health().catch(() => 'unknown'), 'unknown');
    const missing = await eventOf(publish({ connectors: 'missing' }));
    assert.deepEqual(await health(), { 'INACCESSIBLE/ConnectorNotFound': missing });
    const spec = { connectorClassName: 'oci', address: 'https://tool.example' };
    const metadata = { namespace: 'ci', name: 'missing' };
    cluster.put({ apiVersion: 'connectors.alauda.io/v1alpha1', kind: 'Connector', metadata, spec });
    const event = await eventOf(publish({ connectors: 'missing' }));
    assert.match(event, /not reconciled yet/);
    assert.deepEqual(await health(), { 'INACCESSIBLE/ConnectorNotReady': event });
  });

  it('is DEGRADED/AccessRevoked while the files of a pod without access are kept', async () => {
    await start();
    await publish();
    revoke();
    nowMs += 60_000;
    const event = await eventOf(publish());
    assert.deepEqual(await health(), { 'DEGRADED/AccessRevoked': event });
    cluster.allow('harbor', 'ci/passing');
    nowMs += 60_000;
    await publish();
    assert.deepEqual(await health(), {});
  });

  it('is INACCESSIBLE/AccessRevoked once the tokens are taken out of the files', async () => {
    await start('--on-revoked', 'remove');
    await publish();
    revoke();
    nowMs += 60_000;
    const event = await eventOf(publish());
    assert.match(event, /tokens were taken out/);
    assert.deepEqual(await health(), { 'INACCESSIBLE/AccessRevoked': event });
  });

  it('tells of refreshes that fail, then of a token that expires soon, then of one that has', async () => {
    await start();
    await publish();
    cluster.api.faults.add({
      resource: 'subjectaccessreviews',
      effect: { kind: 'status', code: 500, reason: 'InternalError', message: 'x' },
    });
    nowMs += 60_000;
    volume.renewToken();
    const event = await eventOf(publish());
    assert.deepEqual(await health(), { 'DEGRADED/RefreshFailing': event });
    nowMs += 22 * 60_000;
    assert.deepEqual(Object.keys(await health()).sort(), ['DEGRADED/RefreshFailing', 'DEGRADED/TokenExpiresSoon']);
    nowMs += 10 * 60_000;
    const expired = await health();
    assert.deepEqual(Object.keys(expired).sort(), ['DEGRADED/RefreshFailing', 'INACCESSIBLE/TokenExpired']);
    assert.match(expired['INACCESSIBLE/TokenExpired']!, /^the token expired at /);
  });

  it('is an error for a volume that an earlier driver mounted, so that the kubelet keeps what it knew', async () => {
    await start();
    await publish();
    await cluster.stopDriver(driver);
    await start();
    await assertFails(health(), 'UNAVAILABLE', /was not refreshed yet since the driver started$/);
    await publish();
    assert.deepEqual(await health(), {});
  });
});

describe('the health of a volume whose connector needs approval', () => {
  let cluster: ApprovalCluster;
  let volume: TestVolume;
  beforeEach(async () => {
    cluster = await ApprovalCluster.start(['--approval-wait', '1s']);
    volume = cluster.node.volume();
  });
  afterEach(() => cluster.stop());

  const health = (): Promise<Record<string, string>> => cluster.driver.kubelet.health(volume.volumeId, volume.target);

  it('is INACCESSIBLE/ApprovalPending until it is decided', async () => {
    const event = await eventOf(cluster.publish(volume));
    assert.match(event, /^waiting for approval/);
    assert.deepEqual(await health(), { 'INACCESSIBLE/ApprovalPending': event });
    const [request] = await cluster.controller.requested();
    cluster.controller.grant(request!, volume.pod, harbor);
    await cluster.publish(volume);
    assert.deepEqual(await health(), {});
  });

  it('is INACCESSIBLE/ApprovalRejected once it is', async () => {
    await eventOf(cluster.publish(volume));
    const [request] = await cluster.controller.requested();
    cluster.controller.setConditions(request!, rejected);
    await cluster.publish(volume);
    assert.deepEqual(Object.keys(await health()), ['INACCESSIBLE/ApprovalRejected']);
  });
});
