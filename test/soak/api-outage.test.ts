import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { Cluster } from '../support/driver/cluster.js';
import { StallingProxy } from '../support/kube-api/stalling-proxy.js';
import type { KubeletNode } from '../support/kubelet/kubelet-node.js';
import { assertNodeIsCurrent } from '../support/kubelet/node-state.js';
import type { PodVolume } from '../support/kubelet/pod-volume.js';
import { played } from '../support/kubelet/scenario.js';
import { eventually } from '../support/poll.js';

/** Longer than reviews count (60 s), dead connections are looked for (45 s) and watches wait at the most (30 s). */
const outageMs = 140_000;
/** What comes back late waits for a watch that is tried every 30 seconds, and for the kubelet's own back-off. */
const recoveryMs = 120_000;
const kubelet = { republishMs: 5000, firstBackoffMs: 500, maxBackoffMs: 5000 };

interface Outage {
  begin(): Promise<void> | void;
  end(): Promise<void> | void;
}

type OutageOf = (cluster: Cluster, network: StallingProxy) => Outage;

/** Every request gets the effect, also those of watches that were open. */
const unwell =
  (...effects: Parameters<Cluster['api']['faults']['add']>[0]['effect'][]): OutageOf =>
  ({ api }) => ({
    begin: () => {
      for (const effect of effects) api.faults.add({ effect });
      api.closeConnections();
    },
    end: () => api.faults.clear(),
  });

const outages: Readonly<Record<string, OutageOf>> = {
  'refuses connections': ({ api }) => ({ begin: () => api.goOffline(), end: () => api.goOnline() }),
  'cannot be reached, and nothing says so': (_cluster, network) => ({
    begin: () => network.silence(),
    end: () => network.endSilence(),
  }),
  'takes requests and answers none': unwell({ kind: 'hang' }),
  'answers everything with 503': unwell({ kind: 'status', code: 503 }),
};

describe('an API server that is away for minutes', function () {
  this.timeout(outageMs + 2 * recoveryMs);
  const nodes = new Map<string, Promise<void>>();

  // All at once: each is only waiting.
  before(() => {
    for (const [name, outageOf] of Object.entries(outages)) {
      const node = playedOnNode(outageOf);
      node.catch(() => undefined);
      nodes.set(name, node);
    }
  });

  for (const name of Object.keys(outages)) {
    it(`and ${name}: volumes keep their files, pods end without it, and all is current soon after`, () =>
      nodes.get(name));
  }
});

async function playedOnNode(outageOf: OutageOf): Promise<void> {
  const cluster = await Cluster.start();
  const network = await StallingProxy.start(cluster.api.port);
  try {
    // Tokens reach 80 % of their life twice while the server is away.
    const options = { ...kubelet, tokenSeconds: 80, cluster, apiPort: network.port };
    await played(options, (node) => play(node, cluster, outageOf(cluster, network)));
  } finally {
    await network.stop();
  }
}

async function play(node: KubeletNode, cluster: Cluster, outage: Outage): Promise<void> {
  await node.startDriver();
  node.runPods(10);
  await node.kubelet.untilAllPublished();
  await eventually('all is watched', () => cluster.api.openWatches() === 4);
  const pods = [...node.kubelet.pods];
  const [first, second] = pods as [PodVolume, PodVolume];

  await outage.begin();
  const endsAtMs = performance.now() + outageMs;
  // While the reviews of before count, a token that the kubelet renews reaches the pod.
  node.kubelet.renewTokens();
  await node.kubelet.untilAllPublishedAgain(recoveryMs);
  assertNodeIsCurrent(node.sandbox, node.kubelet);

  await sleep((endsAtMs - performance.now()) / 2);
  await node.kubelet.end(first);
  const late = node.kubelet.run(node.sandbox.unpreparedVolume({ serviceAccountName: 'late' }));
  node.moveConnector('http://moved.example:3128/ci/harbor');
  cluster.allow('harbor', 'ci/late');

  await eventually('the late pod is told', () => late.events.length > 0, recoveryMs);
  await eventually('a refresh has failed', () => second.events.length > 0, recoveryMs);
  await assertTold(node, pods.slice(1), late);
  await sleep(endsAtMs - performance.now());
  await assertTold(node, pods.slice(1), late);
  await node.kubelet.end(second);

  await outage.end();
  const isCurrent = ({ volume }: PodVolume): boolean =>
    volume.isMounted() && volume.read()['connector.status.proxyAddress'] === node.address;
  await eventually('all volumes show the change', () => [...node.kubelet.pods].every(isCurrent), recoveryMs);
}

/** The old pods have the files they had, the new one none, and each is told why, as is who watches the node. */
async function assertTold(node: KubeletNode, old: readonly PodVolume[], late: PodVolume): Promise<void> {
  for (const { volume, events } of old.filter((pod) => node.kubelet.pods.has(pod))) {
    const token = volume.read()['context.token'];
    assert.ok(token !== undefined && volume.read()['.env']?.includes(token));
    assert.match(events.at(-1) ?? '', /^14 UNAVAILABLE: refresh failed, the mounted files are kept: UNAVAILABLE: /);
    const request = { volume_id: volume.volumeId, volume_path: volume.target };
    const { volume_condition: condition } = await node.driver.kubelet.statistics(request);
    assert.equal(condition?.abnormal, true);
  }
  assert.match(late.events.at(-1) ?? '', /^14 UNAVAILABLE: .*the API server/);
  assert.equal(late.volume.isMounted(), false);
  assert.match(
    (await node.driver.http('/metrics')).body,
    /^connectors_csi_volumes_failing_refresh\{code="\w+"\} [1-9]/m,
  );
}
