import assert from 'node:assert/strict';
import { connector } from '../../support/driver/manifests.js';
import { scenario } from '../../support/kubelet/scenario.js';
import { eventually } from '../../support/poll.js';

describe('a call that the kubelet gives up', () => {
  scenario(
    'leaves the volume to the next one, which is not confused by the first',
    { callTimeoutMs: 400 },
    async (node) => {
      await node.startDriver('--not-found-wait', '60s');
      const pod = node.kubelet.run(node.sandbox.unpreparedVolume(), { connectors: 'harbor,late' });
      await eventually('two calls were given up', () => pod.events.length >= 2);
      assert.deepEqual(node.sandbox.mounts(), []);
      node.sandbox.writeManifest('late.json', connector('late'));
      await node.kubelet.untilAllPublished();
      assert.equal(node.sandbox.mounts().length, 1);
      assert.equal(pod.volume.read()['context.token'], pod.volume.token);
      const never = node.kubelet.run(node.sandbox.unpreparedVolume(), { connectors: 'never' });
      await eventually('it waits', () => never.attempts > 0);
      await node.kubelet.end(never);
      assert.equal(node.sandbox.mounts().length, 1);
      await node.kubelet.end(pod);
    },
  );
});
