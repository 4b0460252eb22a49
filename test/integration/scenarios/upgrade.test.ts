import assert from 'node:assert/strict';
import { connector, connectorClass } from '../../support/driver/manifests.js';
import type { PodVolume } from '../../support/kubelet/pod-volume.js';
import { assertNodeIsEmpty } from '../../support/kubelet/node-state.js';
import { besideBaselines } from '../../support/upgrade/beside-baselines.js';
import type { Release } from '../../support/upgrade/release.js';
import { ReleaseNode } from '../../support/upgrade/release-node.js';

const podsOfAKind = 4;
/** What pods' authors write, in every form that both releases know. */
const attributesOfPods = [
  { connectors: 'harbor' },
  { connectors: 'harbor,github' },
  { connectors: 'github', 'configuration.names': 'netrc', 'configuration.params': '{"netrc":{"login":"builder"}}' },
  { 'connector.name': 'harbor', 'configuration.names': '!.env' },
] as const;

const netrc = {
  name: 'netrc',
  params: [{ name: 'login', type: 'string', default: 'ci' }],
  data: { '.netrc': 'machine harbor.example login {{ .configurations.login }} password {{ .context.token }}' },
};

function runPods(node: ReleaseNode): PodVolume[] {
  return Array.from({ length: podsOfAKind * attributesOfPods.length }, (_, pod) => {
    const attributes = attributesOfPods[pod % attributesOfPods.length]!;
    return node.kubelet.run(node.cluster.node.unpreparedVolume(), attributes);
  });
}

/** Built-in files that the old release does not have. The other driver adds or removes them, in a new revision. */
const newFiles = ['activate', 'truststore.p12'];

/** What an upgrade must leave as it is: the mount with its id, and every file of both releases. */
function stateOf(node: ReleaseNode, pods: readonly PodVolume[]): unknown {
  const mounts = node.cluster.node.mounts();
  return pods.map(({ volume }) => ({
    mount: mounts.find((line) => line.split(' ')[4] === volume.target),
    files: Object.fromEntries(Object.entries(volume.read()).filter(([name]) => !newFiles.includes(name))),
  }));
}

function assertCurrent(pods: readonly PodVolume[]): void {
  for (const { volume, events } of pods) {
    assert.equal(volume.read()['context.token'], volume.token);
    assert.deepEqual(events, []);
  }
}

/** All volumes are as before once the other driver has answered for them, and go on with that driver. */
async function assertTakesOver(node: ReleaseNode, release: Release, pods: readonly PodVolume[]): Promise<void> {
  const before = stateOf(node, pods);
  const { kubelet } = node;
  // Rights and objects come first: for a while the driver runs with those of the other release.
  node.applyObjects(release);
  await kubelet.untilAllPublishedAgain();
  const early = runPods(node);
  await kubelet.untilAllPublished();
  await node.roll(release);
  await kubelet.untilAllPublishedAgain();
  assert.deepEqual(stateOf(node, pods), before);
  const revisions = pods.map(({ volume }) => volume.revision());
  await kubelet.untilAllPublishedAgain();
  assert.deepEqual(
    pods.map(({ volume }) => volume.revision()),
    revisions,
  );
  const late = runPods(node);
  kubelet.renewTokens();
  await kubelet.untilAllPublishedAgain();
  assertCurrent([...pods, ...early, ...late]);
  assert.equal(node.cluster.node.mounts().length, kubelet.pods.size);
  await Promise.all([...early, ...late.slice(1)].map((pod) => kubelet.end(pod)));
}

besideBaselines(
  (name) => `the driver of ${name} and that of now`,
  (releases) => {
    it('take a node over from each other, there and back, without a remount, a lost file or an error', async () => {
      const { old, now } = releases();
      const node = await ReleaseNode.start();
      try {
        const { cluster, kubelet } = node;
        cluster.put(connector('github', { className: 'git' }));
        cluster.put(connectorClass('git', { configurations: [netrc] }));
        cluster.allow('github');
        node.applyObjects(old);
        await node.roll(old);
        const pods = runPods(node);
        await kubelet.untilAllPublished();
        assertCurrent(pods);
        for (const next of [now, old, now]) await assertTakesOver(node, next, pods);
        await kubelet.endAll();
        assertNodeIsEmpty(cluster.node);
        node.assertNoAlarm();
      } finally {
        await node.stop();
      }
    });
  },
);
