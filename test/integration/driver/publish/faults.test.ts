import assert from 'node:assert/strict';
import { constants } from 'node:os';
import type { ServiceError } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';
import type { Backend } from '../../../../src/driver/backend.js';
import { CodedError, errorCodes } from '../../../../src/shared/errors.js';
import { isFinal } from '../../../support/csi/final-codes.js';
import { loadSyscalls } from '../../../../src/driver/host/linux-syscalls.js';
import { assertNoToken } from '../../../support/driver/canary.js';
import { InProcessDriver } from '../../../support/driver/in-process-driver.js';
import { assertFails } from '../../../support/driver/kubelet-client.js';
import { NodeSandbox } from '../../../support/driver/node-sandbox.js';
import { driverForAll } from '../../../support/driver/suite-driver.js';
import type { TestVolume } from '../../../support/driver/test-volume.js';
import { oldKernel, wrapSyscalls } from '../../../support/host/syscall-wrapper.js';
import { override } from '../../../support/override.js';

/** Fails one system call: the `at`-th from when it was armed. */
class OneFault {
  #left = Infinity;
  #errno = 0;

  arm(at: number, errno: number): void {
    this.#left = at;
    this.#errno = errno;
  }

  /** @returns whether the call came. */
  disarm(): boolean {
    const came = this.#left <= 0;
    this.#left = Infinity;
    return came;
  }

  /** Closing is not among the calls that fail: the descriptor is gone whatever close answers. */
  before(call: string): number | undefined {
    if (call === 'close') return undefined;
    this.#left -= 1;
    return this.#left === 0 ? -this.#errno : undefined;
  }
}

/** Makes a call while one system call fails; gives the call's error. */
type Attempt = (call: () => Promise<void>) => Promise<unknown>;

const errnos = { EIO: constants.errno.EIO, ENOSPC: constants.errno.ENOSPC };
const kernels = { 'a kernel of today': loadSyscalls(), 'a kernel without detached mounts': oldKernel(loadSyscalls()) };

function codeOf(error: unknown): string {
  const { code, details } = error as ServiceError;
  assertNoToken(details, 'an error message');
  return status[code];
}

function assertFull(volume: TestVolume, token: string): void {
  const files = volume.read();
  assert.deepEqual(Object.keys(files), [
    '.env',
    'activate',
    'connector.status.proxyAddress',
    'context.token',
    'http.proxy',
    'https.proxy',
  ]);
  assert.equal(files['context.token'], token);
  assert.ok(files['.env']?.includes(token) && files['http.proxy'] === files['https.proxy']);
}

for (const [kernel, syscalls] of Object.entries(kernels)) {
  for (const [errnoName, errno] of Object.entries(errnos)) {
    describe(`on ${kernel}, when one system call fails with ${errnoName}`, function () {
      const fault = new OneFault();
      const expected = errnoName === 'ENOSPC' ? 'RESOURCE_EXHAUSTED' : 'INTERNAL';
      let node: NodeSandbox;
      let driver: InProcessDriver;
      driverForAll(
        (made) => InProcessDriver.start(made, { syscalls: wrapSyscalls(syscalls, (call) => fault.before(call)) }),
        (own) => ({ node, driver } = own),
      );

      /**
       * Runs `one` again and again, with another system call failing each time, until none is left to fail.
       * @param one calls the driver once through `attempt`, which gives the error or undefined.
       * @returns how many calls there were to fail.
       */
      const atEveryStep = async (one: (attempt: Attempt) => Promise<void>): Promise<number> => {
        for (let at = 1; ; at += 1) {
          const faults = { came: 0 };
          await one(async (call) => {
            fault.arm(at, errno);
            const error: unknown = await call().then(
              () => undefined,
              (reason: unknown) => reason,
            );
            if (fault.disarm()) faults.came += 1;
            return error;
          });
          if (faults.came === 0) return at - 1;
        }
      };

      it('a first publish leaves nothing, and the next succeeds', async () => {
        let failures = 0;
        const steps = await atEveryStep(async (attempt) => {
          const volume = node.volume();
          const error = await attempt(() => driver.kubelet.publish(volume.publishRequest()));
          if (error !== undefined) {
            failures += 1;
            assert.equal(codeOf(error), expected);
            assert.deepEqual(volume.kubeletEntries(), ['vol_data.json']);
            assert.deepEqual(node.mounts(), []);
            await driver.kubelet.publish(volume.publishRequest());
          }
          assertFull(volume, volume.token);
          await driver.kubelet.unpublishVolume(volume);
          assert.deepEqual(node.mounts(), []);
        });
        assert.ok(failures > 25 && failures >= steps - 5, `${failures} failures in ${steps} steps`);
      });

      it('a refresh leaves one revision whole, and the next succeeds', async () => {
        const volume = node.volume();
        await driver.kubelet.publish(volume.publishRequest());
        const mounts = node.mounts();
        let failures = 0;
        const steps = await atEveryStep(async (attempt) => {
          const old = volume.token;
          const renewed = volume.renewToken();
          const error = await attempt(() => driver.kubelet.publish(volume.publishRequest()));
          if (error !== undefined) {
            failures += 1;
            assert.equal(codeOf(error), 'UNAVAILABLE');
            assert.match((error as ServiceError).details, new RegExp(`: ${expected}: `));
            assertFull(volume, volume.read()['context.token'] === old ? old : renewed);
            await driver.kubelet.publish(volume.publishRequest());
          }
          assertFull(volume, renewed);
          assert.deepEqual(node.mounts(), mounts);
        });
        assert.ok(failures > 30, `${failures} failures in ${steps} steps`);
        await driver.kubelet.unpublishVolume(volume);
      });

      it('an unpublish can be repeated until it succeeds', async () => {
        let failures = 0;
        await atEveryStep(async (attempt) => {
          const volume = node.volume();
          await driver.kubelet.publish(volume.publishRequest());
          const error = await attempt(() => driver.kubelet.unpublishVolume(volume));
          if (error !== undefined) {
            failures += 1;
            assert.equal(codeOf(error), expected);
            await driver.kubelet.unpublishVolume(volume);
          }
          assert.deepEqual(volume.kubeletEntries(), ['vol_data.json']);
          assert.deepEqual(node.mounts(), []);
        });
        assert.ok(failures > 4, `${failures} failures`);
      });
    });
  }
}

describe('a driver without a free descriptor', () => {
  let node: NodeSandbox;
  let driver: InProcessDriver;
  let isOut = false;
  const start = async (): Promise<void> => {
    driver = await InProcessDriver.start(node, {
      syscalls: wrapSyscalls(loadSyscalls(), (call) =>
        isOut && ['openat', 'openat2', 'fsopen', 'fsmount'].includes(call) ? -constants.errno.EMFILE : undefined,
      ),
    });
  };
  beforeEach(async () => {
    isOut = false;
    node = new NodeSandbox();
    await start();
  });
  afterEach(async () => {
    await driver.stop();
    node.remove();
  });

  it('answers UNAVAILABLE to a refresh, keeps the files, and counts the volume as failing', async () => {
    const volume = node.volume();
    await driver.kubelet.publish(volume.publishRequest());
    const before = volume.read();
    volume.renewToken();
    isOut = true;
    await assertFails(
      driver.kubelet.publish(volume.publishRequest()),
      'UNAVAILABLE',
      /^refresh failed, the mounted files are kept: INTERNAL: .*: EMFILE$/,
    );
    assert.match(await driver.driver.metrics.text(), /volumes_failing_refresh\{code="INTERNAL"\} 1/);
    isOut = false;
    assert.deepEqual(volume.read(), before);
    await driver.kubelet.publish(volume.publishRequest());
    assertFull(volume, volume.token);
  });

  it('answers UNAVAILABLE for a volume that an earlier driver has mounted, and for a new one, and leaves nothing', async () => {
    const mounted = node.volume();
    await driver.kubelet.publish(mounted.publishRequest());
    await driver.stop();
    await start();
    isOut = true;
    const created = node.volume();
    for (const volume of [mounted, created]) {
      await assertFails(
        driver.kubelet.publish(volume.publishRequest()),
        'UNAVAILABLE',
        /^the target path cannot be checked: INTERNAL: .*: EMFILE$/,
      );
    }
    isOut = false;
    assert.deepEqual(created.kubeletEntries(), ['vol_data.json']);
    for (const volume of [mounted, created]) {
      await driver.kubelet.publish(volume.publishRequest());
      assertFull(volume, volume.token);
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
    before(async () => {
      node = new NodeSandbox();
      const fail = () =>
        Promise.resolve().then(() => {
          if (failure !== undefined) throw failure;
        });
      driver = await InProcessDriver.start(node, { replace: (backend) => replace(backend, fail) });
    });
    afterEach(() => {
      failure = undefined;
    });
    after(async () => {
      await driver.stop();
      node.remove();
    });

    for (const code of errorCodes) {
      it(`with ${code}, ${isFinal(code) ? 'which is final,' : 'which is not final,'} a first publish says so, leaves nothing, and can be repeated at once`, async () => {
        const volume = node.volume();
        failure = new CodedError(code, 'because of the test');
        await assertFails(driver.kubelet.publish(volume.publishRequest()), code, /^because of the test$/);
        assert.deepEqual(volume.kubeletEntries(), ['vol_data.json']);
        assert.deepEqual(node.mounts(), []);
        failure = undefined;
        await driver.kubelet.publish(volume.publishRequest());
        assertFull(volume, volume.token);
        await driver.kubelet.unpublishVolume(volume);
      });

      it(`with ${code}, a refresh is UNAVAILABLE, names the cause, and keeps the files`, async () => {
        const volume = node.volume();
        await driver.kubelet.publish(volume.publishRequest());
        const before = { revision: volume.revision(), files: volume.read(), mounts: node.mounts() };
        volume.renewToken();
        failure = new CodedError(code, 'because of the test');
        await assertFails(
          driver.kubelet.publish(volume.publishRequest()),
          'UNAVAILABLE',
          new RegExp(`^refresh failed, the mounted files are kept: ${code}: because of the test$`),
        );
        assert.deepEqual({ revision: volume.revision(), files: volume.read(), mounts: node.mounts() }, before);
        failure = undefined;
        await driver.kubelet.publish(volume.publishRequest());
        assertFull(volume, volume.token);
        await driver.kubelet.unpublishVolume(volume);
        assert.deepEqual(node.mounts(), []);
      });
    }

    it('for a reason that nobody foresaw, answers INTERNAL and gives nothing of it away', async () => {
      const volume = node.volume();
      failure = new TypeError('cannot read a property of nothing');
      const message = await assertFails(
        driver.kubelet.publish(volume.publishRequest()),
        'INTERNAL',
        /see (its|the driver's) log$/,
      );
      assert.ok(!message.includes('cannot read'));
      assert.deepEqual(volume.kubeletEntries(), ['vol_data.json']);
    });
  });
}
