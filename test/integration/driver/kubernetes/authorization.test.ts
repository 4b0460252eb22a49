import assert from 'node:assert/strict';
import { parse } from 'yaml';
import { Cluster } from '../../../support/driver/cluster.ts';
import type { InProcessDriver } from '../../../support/driver/in-process-driver.ts';
import { assertFails } from '../../../support/driver/kubelet-client.ts';
import { connector, flagsConfigMap } from '../../../support/driver/manifests.ts';
import type { PolicyRule } from '../../../support/kube-api/access-rules.ts';
import { eventually } from '../../../support/poll.ts';
import { started } from '../../../support/started.ts';

describe('the permission to use a connector', () => {
  let cluster: Cluster;
  let driver: InProcessDriver;
  let nowMs: number;
  beforeEach(async () => {
    cluster = started(await Cluster.start());
    nowMs = 1_000_000;
    driver = await cluster.readyDriver({ monotonicNow: () => nowMs });
  });

  it('is asked for the account of the pod, and named with the rule to add when it is missing', async () => {
    const volume = cluster.node.volume({ serviceAccountName: 'stranger' });
    const message = await assertFails(
      driver.kubelet.publishVolume(volume),
      'PERMISSION_DENIED',
      /^cannot use connector ci\/harbor: system:serviceaccount:ci:stranger cannot get connectors\.connectors\.alauda\.io "harbor" in namespace "ci"; /,
    );
    assert.deepEqual(volume.kubeletEntries(), ['vol_data.json']);
    const [rule] = parse(message.slice(message.indexOf('- {'))) as PolicyRule[];
    assert.deepEqual(rule, {
      apiGroups: ['connectors.alauda.io'],
      resources: ['connectors'],
      resourceNames: ['harbor'],
      verbs: ['get'],
    });
    cluster.api.bind({ serviceAccount: 'ci/stranger', namespace: 'ci', rules: [rule] });
    nowMs += 5000;
    await driver.kubelet.publishVolume(volume);
    assert.equal(volume.read()['context.token'], volume.token);
  });

  it('is asked for four connectors at a time, and not further once it is missing', async () => {
    const names = Array.from({ length: 32 }, (_, index) => `made-up-${index}`);
    const publish = (connectors: string): Promise<void> =>
      driver.kubelet.publishVolume(cluster.node.volume(), { attributes: { connectors } });
    const message = await assertFails(publish(names.join()), 'PERMISSION_DENIED', /cannot get/);
    assert.match(message, /"made-up-0", "made-up-1", "made-up-2", "made-up-3" in namespace/);
    assert.equal(cluster.reviews, 4);
    await assertFails(publish(['harbor', ...names.slice(4)].join()), 'PERMISSION_DENIED', /"made-up-4"/);
    assert.equal(cluster.reviews, 8);
  });

  it('comes first: without it nobody learns whether a connector exists, and none is looked for', async () => {
    cluster.put(connector('hidden', { namespace: 'other' }));
    cluster.api.clearRequests();
    for (const name of ['other/hidden', 'other/absent']) {
      await assertFails(
        driver.kubelet.publishVolume(cluster.node.volume(), { attributes: { connectors: name } }),
        'PERMISSION_DENIED',
        /cannot get connectors\.connectors\.alauda\.io "(hidden|absent)" in namespace "other"/,
      );
    }
    assert.equal(cluster.api.count({ resource: 'connectors' }), 0);
  });

  it('is all that is told of a connector that another pod uses, with any flags', async () => {
    for (const flags of [{}, { 'enable-connector-proxy-permissions': 'true' }]) {
      cluster.put(flagsConfigMap(flags));
      // Another pod may do everything with it, and has it in the driver's memory.
      cluster.put(connector('hidden', { namespace: 'other' }));
      const rule = { apiGroups: ['connectors.alauda.io'], resources: ['connectors', 'connectors/proxy'], verbs: ['*'] };
      cluster.api.bind({ serviceAccount: 'other/builder', namespace: 'other', rules: [rule] });
      const owner = cluster.node.volume({ namespace: 'other' });
      const own = owner.publishRequest({ attributes: { connectors: 'hidden' } });
      await eventually('the other pod has its volume', () =>
        driver.kubelet.publish(own).then(
          () => true,
          () => false,
        ),
      );
      const [told, toldOfNone] = await Promise.all(
        ['other/hidden', 'other/absent'].map((connectors) => {
          const volume = cluster.node.volume({ name: `pod-${Object.keys(flags).length}-${connectors.slice(6)}` });
          const publish = driver.kubelet.publishVolume(volume, { attributes: { connectors } });
          return assertFails(publish, 'PERMISSION_DENIED', /cannot get .*; check the name, or add this rule to a Role/);
        }),
      );
      assert.equal(told!.replaceAll('hidden', 'absent'), toldOfNone);
    }
  });

  for (const [resource, what] of [
    ['connectors', 'connector ci/harbor'],
    ['connectorclasses', 'connectorclass oci'],
  ] as const) {
    it(`is no use while the driver may not read ${resource}, which is for an operator to mend`, async () => {
      const effect = { kind: 'status', code: 403, reason: 'Forbidden', message: 'no' } as const;
      const fault = cluster.api.faults.add({ resource, effect });
      const volume = cluster.node.volume();
      await assertFails(
        driver.kubelet.publishVolume(volume),
        'FAILED_PRECONDITION',
        new RegExp(`^reading ${what} failed: the driver's own service account lacks a permission: apply the driver's `),
      );
      assert.deepEqual(volume.kubeletEntries(), ['vol_data.json']);
      fault.remove();
      await eventually('the driver has read it', async () => {
        await driver.kubelet.publishVolume(volume).catch(() => undefined);
        return volume.isMounted();
      });
    });
  }
});
