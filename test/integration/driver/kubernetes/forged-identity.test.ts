import assert from 'node:assert/strict';
import { Cluster } from '../../../support/driver/cluster.ts';
import type { InProcessDriver } from '../../../support/driver/in-process-driver.ts';
import { assertFails } from '../../../support/driver/kubelet-client.ts';
import type { TestVolume } from '../../../support/driver/test-volume.ts';
import { tokensKey } from '../../../support/driver/test-volume.ts';
import { kubeletTokens, tokenFor } from '../../../support/driver/tokens.ts';
import { eventually } from '../../../support/poll.ts';
import { started } from '../../../support/started.ts';

describe('what a pod author writes', () => {
  let cluster: Cluster;
  let driver: InProcessDriver;
  let volume: TestVolume;
  beforeEach(async () => {
    cluster = started(await Cluster.start());
    volume = cluster.node.volume();
  });

  const untilReady = (ready: boolean): Promise<void> =>
    eventually(`ready: ${ready}`, async () => (await driver.kubelet.probe()).ready?.value === ready);
  const assertNothingMounted = (): void => {
    assert.deepEqual(volume.kubeletEntries(), ['vol_data.json']);
    assert.deepEqual(cluster.node.mounts(), []);
  };
  const withSecrets = (token: string): { readonly fields: { readonly secrets: Record<string, string> } } => ({
    fields: { secrets: { [tokensKey]: kubeletTokens(token) } },
  });
  const forged = (): string => tokenFor(volume.pod);

  describe('as pod information', () => {
    for (const [how, podInfoOnMount] of [
      ['false', false],
      ['not set', undefined],
      ['a text', 'true'],
    ] as const) {
      it(`is refused while podInfoOnMount is ${how}, with the fix`, async () => {
        cluster.putCsiDriver({ podInfoOnMount });
        driver = await cluster.driver();
        await assertFails(
          driver.kubelet.publishVolume(volume),
          'FAILED_PRECONDITION',
          /^CSIDriver "connectors-csi" has not "podInfoOnMount: true", .*: set it in spec$/,
        );
        await untilReady(false);
        assertNothingMounted();
        assert.equal(cluster.reviews, 0);
      });
    }

    it('is refused without a CSIDriver object', async () => {
      cluster.api.delete('csidrivers', { name: 'connectors-csi' });
      driver = await cluster.driver();
      await assertFails(
        driver.kubelet.publishVolume(volume),
        'FAILED_PRECONDITION',
        /^CSIDriver "connectors-csi" does not exist: /,
      );
      assertNothingMounted();
    });

    it('is refused and believed as the object changes, without a restart', async () => {
      cluster.putCsiDriver({ podInfoOnMount: false });
      driver = await cluster.driver();
      await assertFails(driver.kubelet.publishVolume(volume), 'FAILED_PRECONDITION', /podInfoOnMount/);
      cluster.putCsiDriver({});
      await untilReady(true);
      await driver.kubelet.publishVolume(volume);
      const before = volume.read();

      cluster.putCsiDriver({ podInfoOnMount: false });
      await untilReady(false);
      const other = cluster.node.volume();
      await assertFails(driver.kubelet.publishVolume(other), 'FAILED_PRECONDITION', /podInfoOnMount/);
      await assertFails(
        driver.kubelet.publishVolume(volume),
        'UNAVAILABLE',
        /files are kept: FAILED_PRECONDITION: CSIDriver "connectors-csi" has not "podInfoOnMount: true"/,
      );
      assert.deepEqual(volume.read(), before);
      await driver.kubelet.unpublishVolume(volume);
      assertNothingMounted();
    });
  });

  describe('as a token', () => {
    it('in the volume attributes does not count when the object puts tokens in secrets', async () => {
      cluster.putCsiDriver({ serviceAccountTokenInSecrets: true });
      driver = await cluster.readyDriver();
      const request = volume.publishRequest({ token: forged(), ...withSecrets(volume.token) });
      await driver.kubelet.publish(request);
      assert.equal(volume.read()['context.token'], volume.token);
    });

    it('in the volume attributes alone is none when the object puts tokens in secrets', async () => {
      cluster.putCsiDriver({ serviceAccountTokenInSecrets: true });
      driver = await cluster.readyDriver();
      await assertFails(
        driver.kubelet.publishVolume(volume, { token: forged() }),
        'FAILED_PRECONDITION',
        /^the kubelet passed no token for audience "connectors-proxy"/,
      );
      assertNothingMounted();
    });

    it('in a Secret of the author does not count when the object leaves tokens in the volume context', async () => {
      driver = await cluster.readyDriver();
      await driver.kubelet.publishVolume(volume, withSecrets(forged()));
      assert.equal(volume.read()['context.token'], volume.token);
    });

    it('in a Secret of the author alone is none when the object leaves tokens in the volume context', async () => {
      driver = await cluster.readyDriver();
      await assertFails(
        driver.kubelet.publishVolume(volume, { token: null, ...withSecrets(forged()) }),
        'FAILED_PRECONDITION',
        /^the kubelet passed no token/,
      );
      assertNothingMounted();
    });

    for (const [what, tokenRequests] of [
      ['nothing', undefined],
      ['an empty list', []],
      ['another audience', [{ audience: 'vault', expirationSeconds: 1800 }]],
    ] as const) {
      it(`is none when the object asks for ${what}, and the field is shown`, async () => {
        cluster.putCsiDriver({ tokenRequests });
        driver = await cluster.readyDriver();
        await assertFails(
          driver.kubelet.publishVolume(volume, { token: forged(), ...withSecrets(forged()) }),
          'FAILED_PRECONDITION',
          /^the kubelet passed no token .*: add to spec\.tokenRequests of the driver's CSIDriver object the item \{audience: "connectors-proxy", expirationSeconds: 1800\}$/,
        );
        assertNothingMounted();
        cluster.putCsiDriver({});
        await eventually('the field is seen', () =>
          driver.kubelet.publishVolume(volume).then(
            () => true,
            () => false,
          ),
        );
        assert.equal(volume.read()['context.token'], volume.token);
      });
    }

    for (const [whose, identity] of [
      ['another pod of the account', { name: 'other-pod' }],
      ['a pod of another namespace', { namespace: 'finance' }],
    ] as const) {
      it(`of ${whose} is refused`, async () => {
        driver = await cluster.readyDriver();
        const other = cluster.node.volume(identity);
        const uid = 'namespace' in identity ? volume.pod.uid : other.pod.uid;
        await assertFails(
          driver.kubelet.publishVolume(volume, { token: tokenFor({ ...other.pod, uid }) }),
          'PERMISSION_DENIED',
          /^the passed token is not bound to pod ci\/build-pod \(uid .*\): only the kubelet may pass tokens$/,
        );
        assertNothingMounted();
      });
    }

    it('of another pod never reaches a volume that is mounted', async () => {
      driver = await cluster.readyDriver();
      await driver.kubelet.publishVolume(volume);
      const stolen = cluster.node.volume().token;
      await assertFails(
        driver.kubelet.publishVolume(volume, { token: stolen }),
        'UNAVAILABLE',
        /files are kept: PERMISSION_DENIED: the passed token is not bound to pod/,
      );
      assert.equal(volume.read()['context.token'], volume.token);
    });
  });
});
