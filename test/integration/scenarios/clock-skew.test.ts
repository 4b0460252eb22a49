import assert from 'node:assert/strict';
import { hasNodeClock, NodeClock } from '../../support/driver/node-clock.ts';
import { tokenFor } from '../../support/driver/tokens.ts';
import type { TokenOwner } from '../../support/driver/tokens.ts';
import type { KubeletNode } from '../../support/kubelet/kubelet-node.ts';
import type { PodVolume } from '../../support/kubelet/pod-volume.ts';
import { clusterScenario } from '../../support/kubelet/scenario.ts';
import { eventually } from '../../support/poll.ts';

const fiveMinutes = 300;
const hour = 3600;

/** Seconds by which the driver's clock, as its log tells it, is ahead of the machine's. */
async function aheadSeconds({ driver }: KubeletNode): Promise<number> {
  // Any call that fails is logged, a little later, as what came before it may be.
  const failures = (): Record<string, unknown>[] => driver.logLines().filter(({ code }) => code === 'INVALID_ARGUMENT');
  const before = failures().length;
  await driver.kubelet.publish({}).catch(() => undefined);
  await eventually('it is logged', () => failures().length > before);
  return (Date.parse(String(failures().at(-1)?.['time'])) - Date.now()) / 1000;
}

async function assertAhead(node: KubeletNode, seconds: number): Promise<void> {
  const actual = await aheadSeconds(node);
  assert.ok(Math.abs(actual - seconds) < 60, `the driver's clock is ${actual} seconds ahead, not ${seconds}`);
}

/** By their names without labels; of each of these metrics there is one code at a time. */
async function metricsOf({ driver }: KubeletNode): Promise<Record<string, number>> {
  const lines = (await driver.http('/metrics')).body.split('\n').map((line) => line.split(' '));
  return Object.fromEntries(
    lines.map(([name = '', value]) => [name.replace('connectors_csi_', '').replace(/\{.*/, ''), Number(value)]),
  );
}

async function conditionOf({ driver }: KubeletNode, { volume }: PodVolume): Promise<string | undefined> {
  const request = { volume_id: volume.volumeId, volume_path: volume.target };
  const { volume_condition: condition } = await driver.kubelet.statistics(request);
  return condition?.abnormal ? condition.message : undefined;
}

function skipWithoutClock(this: Mocha.Context): void {
  if (hasNodeClock()) return;
  console.log('      skipped: not installed: libfaketime');
  this.skip();
}

/** Of each pod, the last event, once there has been one after the first `counts`. */
async function newEvents(pods: readonly PodVolume[], counts: readonly number[]): Promise<string[]> {
  const isTold = (): boolean => pods.every(({ events }, index) => events.length > (counts[index] ?? 0));
  await eventually('each pod is told', isTold);
  return pods.map(({ events }) => events.at(-1) ?? '');
}

describe("a node whose clock is not that of the API server's", () => {
  before(skipWithoutClock);

  for (const seconds of [fiveMinutes, -fiveMinutes]) {
    const how = seconds > 0 ? 'five minutes ahead' : 'five minutes behind';
    clusterScenario(`but ${how} publishes, refreshes, and counts on as others do`, {}, async (node) => {
      const clock = new NodeClock(node.sandbox.root);
      clock.set(seconds);
      await node.startDriverWith(clock.env);
      await assertAhead(node, seconds);
      node.runPods(5);
      await node.kubelet.untilAllPublished();
      const revisions = [...node.kubelet.pods].map(({ volume }) => volume.revision());
      await node.kubelet.untilAllPublishedAgain();
      assert.deepEqual(
        [...node.kubelet.pods].map(({ volume }) => volume.revision()),
        revisions,
      );
      node.kubelet.renewTokens();
      await node.kubelet.untilAllPublishedAgain();
      const { earliest_token_expiry_timestamp_seconds: expiry = 0, ...metrics } = await metricsOf(node);
      assert.ok(Math.abs(expiry - Date.now() / 1000 - 1800) < 120, `expiry ${expiry}`);
      assert.equal(metrics['volumes_failing_refresh'], undefined);
      assert.equal(metrics['oldest_refresh_failure_timestamp_seconds'], undefined);
    });
  }

  let expiresIn = 1800;
  const issue = (owner: TokenOwner): string => tokenFor(owner, { expiresIn });
  beforeEach(() => {
    expiresIn = 1800;
  });

  clusterScenario(
    'but ahead names the clock when a good token seems expired, and keeps the files',
    { issue },
    async (node) => {
      const clock = new NodeClock(node.sandbox.root);
      clock.set(fiveMinutes);
      await node.startDriverWith(clock.env);
      node.runPods(3);
      await node.kubelet.untilAllPublished();
      const pods = [...node.kubelet.pods];
      const files = pods.map(({ volume }) => volume.read());
      expiresIn = 120;
      node.kubelet.renewTokens();
      node.kubelet.eventForAll();
      const late = node.kubelet.run(node.sandbox.unpreparedVolume());
      for (const event of await newEvents([...pods, late], [])) {
        assert.match(
          event,
          /UNAVAILABLE: .*token that the kubelet passed expired at .*, or the clocks differ; check the kubelet's log and the node's clock$/,
        );
      }
      assert.equal(late.volume.isMounted(), false);
      assert.deepEqual(
        pods.map(({ volume }) => volume.read()),
        files,
      );
      assert.match(
        (await conditionOf(node, pods[0]!)) ?? '',
        /^refreshing has failed since .*or the clocks differ; check the kubelet's log and the node's clock$/,
      );
      assert.equal((await metricsOf(node))['volumes_failing_refresh'], 3);
      clock.set(0);
      await node.kubelet.untilAllPublishedAgain();
      expiresIn = 1800;
      node.kubelet.renewTokens();
    },
  );

  clusterScenario(
    'but behind passes on a token that has expired elsewhere, and the next one too',
    { issue },
    async (node) => {
      const clock = new NodeClock(node.sandbox.root);
      clock.set(-fiveMinutes);
      await node.startDriverWith(clock.env);
      expiresIn = -60;
      node.runPods(3);
      await node.kubelet.untilAllPublished();
      const [first] = node.kubelet.pods;
      assert.equal(await conditionOf(node, first!), undefined);
      assert.equal(first!.volume.read()['context.token'], first!.volume.token);
      clock.set(0);
      assert.match((await conditionOf(node, first!)) ?? '', /^the token expired at .*clock/);
      expiresIn = 1800;
      node.kubelet.renewTokens();
    },
  );
});

describe('a node whose clock is set', () => {
  before(skipWithoutClock);

  clusterScenario('forwards and backwards by hours loses no file and goes on at once', {}, async (node) => {
    const clock = new NodeClock(node.sandbox.root);
    await node.startDriverWith(clock.env);
    node.runPods(3);
    await node.kubelet.untilAllPublished();
    const pods = [...node.kubelet.pods];
    const [first] = pods;
    const files = (): unknown => pods.map(({ volume }) => volume.read());
    const mounted = files();

    // All is as it was: nothing is written.
    clock.set(fiveMinutes);
    await assertAhead(node, fiveMinutes);
    await node.kubelet.untilAllPublishedAgain();
    assert.deepEqual(files(), mounted);

    // Everything seems expired.
    clock.set(hour);
    const counts = pods.map(({ events }) => events.length);
    node.kubelet.eventForAll();
    for (const event of await newEvents(pods, counts))
      assert.match(event, /the mounted files are kept: .*clocks differ; check the kubelet's log and the node's clock$/);
    assert.match((await conditionOf(node, first!)) ?? '', /^the token expired at .*clock/);
    assert.deepEqual(files(), mounted);
    const failing = await metricsOf(node);
    assert.equal(failing['volumes_failing_refresh'], 3);

    // Back by two hours: a failure must not seem to begin in the future.
    clock.set(-hour);
    await assertAhead(node, -hour);
    await node.kubelet.untilAllPublishedAgain();
    assert.deepEqual(files(), mounted);
    assert.equal(await conditionOf(node, first!), undefined);
    node.runPods(3);
    await node.kubelet.untilAllPublished();
    node.kubelet.renewTokens();
    await node.kubelet.untilAllPublishedAgain();
    node.moveConnector('http://moved.example:3128/ci/harbor');
    await eventually('all show the change', async () => {
      await node.kubelet.untilAllPublishedAgain();
      return [...node.kubelet.pods].every(
        ({ volume }) => volume.read()['connector.status.proxyAddress'] === node.address,
      );
    });
    await node.kubelet.end(first!);
    clock.set(0);
  });
});
