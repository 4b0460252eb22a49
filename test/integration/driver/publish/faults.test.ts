import assert from 'node:assert/strict';
import { constants } from 'node:os';
import type { Backend } from '../../../../src/driver/backend.ts';
import { CodedError, errorCodes } from '../../../../src/shared/errors.ts';
import { isFinal } from '../../../support/csi/final-codes.ts';
import { loadSyscalls } from '../../../../src/driver/host/linux-syscalls.ts';
import { InProcessDriver } from '../../../support/driver/in-process-driver.ts';
import { assertFails } from '../../../support/driver/kubelet-client.ts';
import { NodeSandbox } from '../../../support/driver/node-sandbox.ts';
import { driverForAll } from '../../../support/driver/suite-driver.ts';
import { assertWhole } from '../../../support/driver/whole-volume.ts';
import { wrapSyscalls } from '../../../support/host/syscall-wrapper.ts';
import { override } from '../../../support/override.ts';
import { started } from '../../../support/started.ts';

describe('a driver without a free descriptor', () => {
  let node: NodeSandbox;
  let driver: InProcessDriver;
  let isOut = false;
  const start = async (): Promise<void> => {
    driver = started(
      await InProcessDriver.start(node, {
        syscalls: wrapSyscalls(loadSyscalls(), (call) =>
          isOut && ['openat', 'fsopen', 'fsmount'].includes(call) ? -constants.errno.EMFILE : undefined,
        ),
      }),
    );
  };
  beforeEach(async () => {
    isOut = false;
    node = started(new NodeSandbox());
    await start();
  });

  it('answers UNAVAILABLE to a refresh, keeps the files, and counts the volume as failing', async () => {
    const volume = node.volume();
    await driver.kubelet.publishVolume(volume);
    const before = volume.read();
    volume.renewToken();
    isOut = true;
    await assertFails(
      driver.kubelet.publishVolume(volume),
      'UNAVAILABLE',
      /^refresh failed, the mounted files are kept: INTERNAL: .*: EMFILE$/,
    );
    assert.match(await driver.driver.metrics.text(), /volumes_failing_refresh\{code="INTERNAL"\} 1/);
    isOut = false;
    assert.deepEqual(volume.read(), before);
    await driver.kubelet.publishVolume(volume);
    assertWhole(volume);
  });

  it('answers UNAVAILABLE for a volume that an earlier driver has mounted, and for a new one, and leaves nothing', async () => {
    const mounted = node.volume();
    await driver.kubelet.publishVolume(mounted);
    await driver.stop();
    await start();
    isOut = true;
    const created = node.volume();
    for (const volume of [mounted, created]) {
      await assertFails(
        driver.kubelet.publishVolume(volume),
        'UNAVAILABLE',
        /^the target path cannot be checked: INTERNAL: .*: EMFILE$/,
      );
    }
    isOut = false;
    assert.deepEqual(created.kubeletEntries(), ['vol_data.json']);
    for (const volume of [mounted, created]) {
      await driver.kubelet.publishVolume(volume);
      assertWhole(volume);
    }
  });
});

/** The questions that a publish asks of the world, each as what makes it fail. */
const questions: Readonly<Record<string, (backend: Backend, fail: () => Promise<void>) => Partial<Backend>>> = {
  'the CSIDriver object': ({ csiDriver }, fail) => ({
    csiDriver: override(csiDriver, {
      isKnownTrustworthy: () => false,
      ensureTrustworthy: () => fail(),
    }),
  }),
  'the flags': ({ source }, fail) => ({
    source: override(source, {
      peekFlags: () => undefined,
      flags: async (signal) => (await fail(), source.flags(signal)),
    }),
  }),
  'the connectors': ({ source }, fail) => ({
    source: override(source, { resolve: async (refs, call) => (await fail(), source.resolve(refs, call)) }),
  }),
  'the access': ({ access }, fail) => ({
    access: override(access, {
      isKnownAllowed: () => false,
      authorize: async (request, call) => (await fail(), access.authorize(request, call)),
    }),
  }),
  'the token': ({ tokens }, fail) => ({
    tokens: override(tokens, {
      peek: () => undefined,
      tokenFor: async (request, signal) => (await fail(), tokens.tokenFor(request, signal)),
    }),
  }),
};

for (const [what, replace] of Object.entries(questions)) {
  describe(`when ${what} cannot be had`, () => {
    let node: NodeSandbox;
    let driver: InProcessDriver;
    let failure: Error | undefined;
    const fail = () =>
      Promise.resolve().then(() => {
        if (failure !== undefined) throw failure;
      });
    driverForAll(
      (made) => InProcessDriver.start(made, { replace: (backend) => replace(backend, fail) }),
      (own) => ({ node, driver } = own),
    );
    afterEach(() => {
      failure = undefined;
    });

    for (const code of errorCodes) {
      it(`with ${code}, ${isFinal(code) ? 'which is final,' : 'which is not final,'} a first publish says so, leaves nothing, and can be repeated at once`, async () => {
        const volume = node.volume();
        failure = new CodedError(code, 'because of the test');
        await assertFails(driver.kubelet.publishVolume(volume), code, /^because of the test$/);
        assert.deepEqual(volume.kubeletEntries(), ['vol_data.json']);
        assert.deepEqual(node.mounts(), []);
        failure = undefined;
        await driver.kubelet.publishVolume(volume);
        assertWhole(volume);
        await driver.kubelet.unpublishVolume(volume);
      });

      it(`with ${code}, a refresh is UNAVAILABLE, names the cause, and keeps the files`, async () => {
        const volume = node.volume();
        await driver.kubelet.publishVolume(volume);
        const before = { revision: volume.revision(), files: volume.read(), mounts: node.mounts() };
        volume.renewToken();
        failure = new CodedError(code, 'because of the test');
        await assertFails(
          driver.kubelet.publishVolume(volume),
          'UNAVAILABLE',
          new RegExp(`^refresh failed, the mounted files are kept: ${code}: because of the test$`),
        );
        assert.deepEqual({ revision: volume.revision(), files: volume.read(), mounts: node.mounts() }, before);
        failure = undefined;
        await driver.kubelet.publishVolume(volume);
        assertWhole(volume);
        await driver.kubelet.unpublishVolume(volume);
        assert.deepEqual(node.mounts(), []);
      });
    }

    it('for a reason that nobody foresaw, answers INTERNAL and gives nothing of it away', async () => {
      const volume = node.volume();
      failure = new TypeError('cannot read a property of nothing');
      const message = await assertFails(
        driver.kubelet.publishVolume(volume),
        'INTERNAL',
        /see (its|the driver's) log$/,
      );
      assert.ok(!message.includes('cannot read'));
      assert.deepEqual(volume.kubeletEntries(), ['vol_data.json']);
    });
  });
}
