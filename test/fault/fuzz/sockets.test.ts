import assert from 'node:assert/strict';
import path from 'node:path';
import fc from 'fast-check';
import { driverLimits } from '../../../src/driver/limits.ts';
import { DriverProcess } from '../../support/driver/driver-process.ts';
import { NodeSandbox } from '../../support/driver/node-sandbox.ts';
import type { TestVolume } from '../../support/driver/test-volume.ts';
import { fuzzSettings } from '../../support/fuzz/fuzz-run.ts';
import { messagesOf, publishRequests } from '../../support/fuzz/publish-messages.ts';
import { sendAll } from '../../support/fuzz/raw-exchange.ts';
import { grpcInputs, httpInputs } from '../../support/fuzz/wire-inputs.ts';
import { TestKubelet } from '../../support/kubelet/test-kubelet.ts';
import { mountPathsBelow } from '../../support/mounts.ts';
import type { DescriptorCounts } from '../../support/process-state.ts';
import { memoryOf, settledDescriptors, untilDescriptorsAre } from '../../support/process-state.ts';

const { cases, seed } = fuzzSettings(3000);
/** Several times what a driver at work takes. */
const maxGrowthBytes = 256 << 20;

/** More than a client that is gone may go unnoticed, on a busy machine. */
const maxHeldMs = 3 * (driverLimits.grpcConnection.keepaliveMs + driverLimits.grpcConnection.keepaliveTimeoutMs);

describe('the built driver', () => {
  let node: NodeSandbox;
  let kubelet: TestKubelet;
  let driver: DriverProcess;
  let memoryBefore: number;
  let descriptorsBefore: DescriptorCounts;
  let hasExited: boolean;
  /** What the mutated requests are about; some of them publish it. */
  let published: TestVolume;

  before(async () => {
    node = new NodeSandbox();
    published = node.volume();
    kubelet = new TestKubelet({ kubeletDir: node.kubeletDir });
    kubelet.start();
    const registry = ['--registration-dir', kubelet.registryDir, '--kubelet-endpoint', node.socketPath];
    driver = await DriverProcess.start(node, [...registry, '--http-address', '127.0.0.1:0']);
    await kubelet.untilRegistered();
    hasExited = false;
    void driver.exited.then(() => (hasExited = true));
    await servesAsEver();
    descriptorsBefore = await settledDescriptors(driver.pid);
    memoryBefore = memoryOf(driver.pid).nowBytes;
    console.log(`      seed ${seed} (FUZZ_SEED)`);
  });
  after(async () => {
    try {
      await kubelet.stop();
      assert.deepEqual(await driver.stop(), { status: 0, signal: null });
    } finally {
      node.remove();
    }
  });

  async function servesAsEver(): Promise<void> {
    assert.equal((await driver.kubelet.probe()).ready?.value, true);
    const volume = node.volume();
    await driver.kubelet.publishVolume(volume);
    assert.ok(Object.values(volume.read()).includes(volume.token));
    await driver.kubelet.unpublishVolume(volume);
    assert.equal((await driver.http('/readyz')).status, 200);
  }

  const httpPort = (): number => Number(driver.logLines().find(({ port }) => typeof port === 'number')?.['port']);
  const requests = (): readonly Buffer[] => messagesOf(publishRequests(published));
  const places = [
    {
      what: 'its CSI socket',
      inputs: () => grpcInputs(requests()),
      address: () => ({ path: node.socketPath }),
      share: 0.15,
    },
    {
      what: 'its registration socket',
      inputs: () => grpcInputs(requests()),
      address: () => ({ path: path.join(kubelet.registryDir, 'connectors-csi-reg.sock') }),
      share: 0.05,
    },
    {
      what: 'its health port',
      inputs: () => httpInputs,
      address: () => ({ port: httpPort(), host: '127.0.0.1' }),
      share: 0.1,
    },
  ];
  for (const { what, inputs, address, share } of places) {
    it(`serves as ever whatever came to ${what}`, async function () {
      this.timeout(600_000);
      for (const [sent, input] of Object.entries(inputs())) {
        await sendAll(address(), fc.sample(input, { numRuns: Math.ceil(cases * share), seed }));
        assert.ok(!hasExited, `it has ended after ${sent}: ${driver.stderr.slice(-4000)}`);
        await servesAsEver();
      }
    });
  }

  it('has thereby kept no mount and no connection, logged nothing but lines, and taken little memory', async function () {
    this.timeout(maxHeldMs + 60_000);
    assert.ok(published.isMounted(), 'what was sent had nothing valid in it');
    // A changed request may be a valid one for another target, which another call takes away as any other.
    for (const target of mountPathsBelow(node.root)) {
      assert.ok(target.startsWith(`${node.kubeletDir}/pods/`), `${target} is no target`);
      await driver.kubelet.unpublish({ volume_id: published.volumeId, target_path: target });
    }
    assert.deepEqual(node.mounts(), []);
    await untilDescriptorsAre(driver.pid, descriptorsBefore, maxHeldMs);
    const lines = driver.stderr.split('\n').filter((line) => line !== '');
    assert.deepEqual(
      lines.filter((line) => !line.startsWith('{')),
      [],
    );
    assert.deepEqual(
      driver.logLines().filter(({ level }) => level === 'fatal'),
      [],
    );
    const grownBytes = memoryOf(driver.pid).nowBytes - memoryBefore;
    assert.ok(grownBytes < maxGrowthBytes, `grew by ${grownBytes} bytes`);
    const { body } = await driver.http('/metrics');
    const delays = body
      .split('\n')
      .filter((line) => /^connectors_csi_event_loop_delay_seconds_(bucket|count)/.test(line));
    console.log(`      timers were late: ${delays.map((line) => line.replace(/^.*_seconds_/, '')).join(' ')}`);
  });
});
