import assert from 'node:assert/strict';
import { ApprovalsController } from '../../support/access/approvals-controller.ts';
import type { Cluster } from '../../support/driver/cluster.ts';
import { assertFails } from '../../support/driver/kubelet-client.ts';
import { connector, flagsConfigMap } from '../../support/driver/manifests.ts';
import type { TestVolume } from '../../support/driver/test-volume.ts';
import type { Fault } from '../../support/kube-api/faults.ts';
import { clusterScenario, scenario } from '../../support/kubelet/scenario.ts';
import { eventually } from '../../support/poll.ts';

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

/** Where a publish can be stuck for longer than the kubelet waits. */
interface StuckPlace {
  readonly flags?: readonly string[];
  readonly attributes?: Readonly<Record<string, string>>;
  /** From now on publishes of the volume get stuck. */
  block(cluster: Cluster, volume: TestVolume): Blockade;
}

interface Blockade {
  /** Whether a publish is stuck. */
  isReached(): boolean;
  /** What it waits for comes, and later ones do not get stuck. */
  release(): Promise<void> | void;
}

/** The answers come, but after the kubelet has gone. */
const slowAnswer =
  (pattern: Pick<Fault, 'verb' | 'resource' | 'subresource'>): StuckPlace['block'] =>
  ({ api }) => {
    const fault = api.faults.add({ ...pattern, effect: { kind: 'delay', ms: 7000 } });
    return { isReached: () => fault.hits > 0, release: () => fault.remove() };
  };

const places: Readonly<Record<string, StuckPlace>> = {
  'reading the connector': { block: slowAnswer({ verb: 'list', resource: 'connectors' }) },
  'the review of access': { block: slowAnswer({ resource: 'subjectaccessreviews' }) },
  'minting its token': {
    flags: ['--allow-token-minting'],
    attributes: { connectors: 'harbor', 'token.expiration': '1h' },
    block: (cluster, volume) => {
      cluster.grantDriver('token-minting');
      return slowAnswer({ subresource: 'token' })(cluster, volume);
    },
  },
  'the wait for approval': {
    block: (cluster, { pod }) => {
      cluster.grantDriver('approval');
      const flags = { 'enable-connector-proxy-permissions': 'true', 'enable-connectors-approval': 'true' };
      cluster.put(flagsConfigMap(flags));
      const controller = new ApprovalsController(cluster.api);
      return {
        isReached: () => controller.requests.length > 0,
        release: async () => {
          await controller.requested();
          for (const request of controller.requests)
            controller.grant(request, pod, { namespace: 'ci', name: 'harbor' });
        },
      };
    },
  },
};

describe('a publish that is stuck for longer than the kubelet waits', () => {
  for (const [name, place] of Object.entries(places)) {
    const title = `in ${name} mounts nothing once its volume is unpublished, and is in nobody's way`;
    clusterScenario(title, { callTimeoutMs: 1000 }, async (node, cluster) => {
      await node.startDriver(...(place.flags ?? []));
      const { kubelet } = node.driver;
      const volume = node.sandbox.volume();
      const blockade = place.block(cluster, volume);
      const request = volume.publishRequest({ ...(place.attributes && { attributes: place.attributes }) });
      const isAtRest = async (): Promise<boolean> =>
        (await node.driver.http('/metrics')).body.includes('rpc_in_flight{method="NodePublishVolume"} 0\n');

      const caller = new AbortController();
      const old = assert.rejects(kubelet.publish(request, { signal: caller.signal }), /CANCELLED/);
      await eventually('the call is stuck', () => blockade.isReached());
      // One that the kubelet makes while the driver does not know yet that the caller of the first has gone.
      await assertFails(kubelet.publish(request), 'ABORTED', /another call for this volume is still running/);
      caller.abort();
      let next: string | undefined;
      void kubelet.publish(request).then(
        () => (next = 'published'),
        () => (next = 'failed'),
      );
      await kubelet.unpublishVolume(volume);
      assert.equal(node.sandbox.mounts().length, 0);
      await old;
      // If it came after the unpublish it is stuck in its turn, until the kubelet changes its mind once more.
      await eventually('the next call is there', async () => next !== undefined || !(await isAtRest()));
      await kubelet.unpublishVolume(volume);
      await eventually('the next call has ended', () => next !== undefined);
      assert.equal(next, 'failed');
      await eventually('no publish runs', isAtRest);
      assert.deepEqual(node.sandbox.mounts(), []);
      assert.deepEqual(volume.kubeletEntries(), ['vol_data.json']);

      const impatient = node.kubelet.run(volume, place.attributes);
      await eventually('the kubelet has given up twice', () => impatient.events.length >= 2);
      await node.kubelet.end(impatient);
      await blockade.release();
      await eventually('no publish runs', isAtRest);
      assert.deepEqual(node.sandbox.mounts(), []);

      const patient = node.kubelet.run(volume, place.attributes);
      await node.kubelet.untilAllPublished();
      assert.equal(patient.volume.isMounted(), true);
      await node.kubelet.end(patient);
    });
  }
});
