import { eventually } from '../poll.ts';
import assert from 'node:assert/strict';
import { Cluster } from '../driver/cluster.ts';
import { openOnDetachedMounts, untilDescriptorsAre, untilOwnMemoryIs } from '../process-state.ts';
import { KubeletNode } from './kubelet-node.ts';
import type { KubeletNodeOptions } from './kubelet-node.ts';
import { assertNodeIsCurrent, assertNodeIsEmpty } from './node-state.ts';

interface ScenarioOptions extends Omit<KubeletNodeOptions, 'cluster' | 'apiPort'> {
  readonly timeoutMs?: number;
}

const quick = { firstBackoffMs: 50, maxBackoffMs: 200 };

/** A driver at rest has 20 to 35 MiB of its own, and up to 55 for some seconds after a burst. */
const maxOwnBytes = 64 * 2 ** 20;

/** Something that happens to a node whose drivers read from a directory. Afterwards the node must be whole. */
export function scenario(title: string, options: ScenarioOptions, play: (node: KubeletNode) => Promise<void>): void {
  it(title, () => played(options, play)).timeout(options.timeoutMs ?? 180_000);
}

/** The same to a node of a cluster, whose drivers read from its API server. */
export function clusterScenario(
  title: string,
  options: ScenarioOptions,
  play: (node: KubeletNode, cluster: Cluster) => Promise<void>,
): void {
  it(title, async () => {
    const cluster = await Cluster.start();
    await played({ ...options, cluster }, (node) => play(node, cluster));
  }).timeout(options.timeoutMs ?? 180_000);
}

/** Plays a scenario on a node of its own, asserts that the node is whole afterwards, and takes it away. */
async function played(options: KubeletNodeOptions, play: (node: KubeletNode) => Promise<void>): Promise<void> {
  const node = new KubeletNode({ ...quick, ...options });
  try {
    await play(node);
    await assertNodeIsWhole(node);
  } finally {
    await node.remove();
  }
}

/**
 * Every pod that still runs has a volume that is complete and current and says so, the mount table has these volumes and
 * no others, and when the pods have ended nothing of them is left: no mount, no directory, no tmpfs that something
 * still holds, no descriptor of the driver, no memory.
 */
async function assertNodeIsWhole(node: KubeletNode): Promise<void> {
  const { kubelet, sandbox, driver } = node;
  await kubelet.untilAllPublishedAgain(60_000);
  assertNodeIsCurrent(sandbox, kubelet, node.address);
  for (const { volume } of kubelet.pods) {
    const request = { volume_id: volume.volumeId, volume_path: volume.target };
    const { volume_condition: condition } = await driver.kubelet.statistics(request);
    assert.deepEqual(condition, { abnormal: false, message: 'published and current' });
  }
  await kubelet.endAll();
  assertNodeIsEmpty(sandbox);
  // The text is made at most once a second.
  await eventually('the metrics count nothing any more', async () => {
    const metrics = (await driver.http('/metrics')).body;
    const gauges = ['published_volumes', 'publish_queue_length', 'approvals_waiting'];
    return (
      gauges.every((gauge) => new RegExp(`^connectors_csi_${gauge} 0$`, 'm').test(metrics)) &&
      !/^connectors_csi_volumes_failing_refresh\{/m.test(metrics)
    );
  });
  await untilOwnMemoryIs(driver.pid, maxOwnBytes);
  assert.deepEqual(openOnDetachedMounts(driver.pid), []);
  await untilDescriptorsAre(driver.pid, node.restingDescriptors);
}
