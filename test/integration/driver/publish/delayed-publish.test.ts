import assert from 'node:assert/strict';
import { setMaxListeners } from 'node:events';
import type { ServiceError } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';
import { limits } from '../../../../src/limits/defaults.js';
import { InProcessDriver } from '../../../support/driver/in-process-driver.js';
import type { NodeSandbox } from '../../../support/driver/node-sandbox.js';
import { driverForEach } from '../../../support/driver/suite-driver.js';
import { eventually } from '../../../support/poll.js';

const { burst, everyMs } = limits.failedPublishes;
const pod = { namespace: 'ci', name: 'failing', uid: 'aaaaaaaa-0000-4000-8000-000000000000' };
/** Failures that delay the next publish of the pod by fifteen seconds. */
const delayedFailures = 15_000 / everyMs;

describe('a publish that is delayed because its pod failed often', () => {
  let node: NodeSandbox;
  let driver: InProcessDriver;
  driverForEach(
    (made) => InProcessDriver.start(made),
    (own) => ({ node, driver } = own),
  );

  const delayed = async (): Promise<number> => {
    const text = await driver.driver.metrics.text();
    return Number(/^connectors_csi_limit_used\{limit="delayed_publishes"\} (\d+)$/m.exec(text)?.[1]);
  };

  it('does not mount the volume again after an unpublish', async () => {
    const failing = node.volume({ ...pod, volumeName: 'failing' }).publishRequest({ attributes: { connectors: '' } });
    const caller = new AbortController();
    setMaxListeners(0, caller.signal);
    const failures = Array.from({ length: burst + delayedFailures }, () =>
      driver.kubelet.publish(failing, { signal: caller.signal }).catch(() => undefined),
    );
    await eventually('most failures are delayed', async () => (await delayed()) > delayedFailures / 2);
    caller.abort();
    await Promise.all(failures);
    await eventually('none is delayed any more', async () => (await delayed()) === 0);

    const volume = node.volume({ ...pod, volumeName: 'unpublished' });
    const outcome = driver.kubelet.publish(volume.publishRequest()).then(
      () => 'OK',
      (error: unknown) => status[(error as ServiceError).code],
    );
    await eventually('the publish is delayed', async () => (await delayed()) === 1);
    await driver.kubelet.unpublishVolume(volume);
    assert.equal(await outcome, 'ABORTED');
    assert.deepEqual(volume.kubeletEntries(), ['vol_data.json']);
  });
});
