import assert from 'node:assert/strict';
import { assertNodeIsCurrent } from '../../support/kubelet/node-state.js';
import { clusterScenario } from '../../support/kubelet/scenario.js';
import { eventually } from '../../support/poll.js';

describe('a node whose API server is away for a while', () => {
  const title = 'keeps and refreshes what is mounted, starts no pod, and is whole again when it comes back';
  clusterScenario(title, { callTimeoutMs: 2000 }, async (node, cluster) => {
    const { kubelet } = node;
    await node.startDriver();
    node.runPods(20);
    await kubelet.untilAllPublished();
    assertNodeIsCurrent(node.sandbox, kubelet);

    await cluster.api.goOffline();
    kubelet.renewTokens();
    await kubelet.untilAllPublishedAgain();
    assertNodeIsCurrent(node.sandbox, kubelet);
    const late = kubelet.run(node.sandbox.unpreparedVolume({ serviceAccountName: 'other' }));
    await eventually('the late pod is told', () =>
      late.events.some((event) => /asking the API server whether .* not answered in time \(connect E/.test(event)),
    );
    assert.equal(late.volume.isMounted(), false);

    node.moveConnector('http://moved.example:3128/ci/harbor');
    cluster.allow('harbor', 'ci/other');
    await cluster.api.goOnline();
    await eventually('all volumes show the change', async () => {
      await kubelet.untilAllPublishedAgain();
      return [...kubelet.pods].every(({ volume }) => volume.read()['connector.status.proxyAddress'] === node.address);
    });
  });
});
