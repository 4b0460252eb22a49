import assert from 'node:assert/strict';
import path from 'node:path';
import { Cluster } from '../../support/driver/cluster.js';
import { driverUser } from '../../support/driver/driver-account.js';
import { DriverProcess } from '../../support/driver/driver-process.js';
import { connector } from '../../support/driver/manifests.js';
import { assertNodeIsCurrent, descriptorsOf, untilDescriptorsAre } from '../../support/kubelet/node-state.js';
import { TestKubelet } from '../../support/kubelet/test-kubelet.js';
import { eventually } from '../../support/poll.js';

describe('a node whose API server is away for a while', function () {
  this.timeout(60_000);
  let cluster: Cluster;
  let kubelet: TestKubelet;
  let driver: DriverProcess;
  beforeEach(async () => {
    cluster = await Cluster.start();
    const { node, api } = cluster;
    const { kubeletDir, root, socketPath } = node;
    kubelet = new TestKubelet({ kubeletDir, firstBackoffMs: 50, maxBackoffMs: 200, callTimeoutMs: 2000 }).start();
    const kubeconfig = path.join(root, 'kubeconfig');
    api.writeKubeconfig(kubeconfig, { name: driverUser });
    driver = new DriverProcess(node, [
      ...['--registration-dir', kubelet.registryDir, '--kubelet-endpoint', socketPath, '--log-level', 'info'],
      ...['--connector-source', 'kubernetes', '--manifests', '', '--kubeconfig', kubeconfig],
    ]);
    await kubelet.untilRegistered();
  });
  afterEach(async () => {
    await kubelet.stop();
    await driver.stop();
    await cluster.stop();
  });

  it('keeps and refreshes what is mounted, starts no pod, and is whole again when it comes back', async () => {
    for (let pod = 0; pod < 20; pod += 1) kubelet.run(cluster.node.unpreparedVolume());
    await kubelet.untilAllPublished();
    assertNodeIsCurrent(cluster.node, kubelet);
    const descriptors = descriptorsOf(driver.pid);

    await cluster.api.goOffline();
    kubelet.renewTokens();
    await kubelet.untilAllPublishedAgain();
    assertNodeIsCurrent(cluster.node, kubelet);
    const late = kubelet.run(cluster.node.unpreparedVolume({ serviceAccountName: 'other' }));
    await eventually('the late pod is told', () =>
      late.events.some((event) => /the API server cannot be reached|ran out of time/.test(event)),
    );
    assert.equal(late.volume.isMounted(), false);

    const moved = 'http://moved.example:3128/ci/harbor';
    cluster.put(connector('harbor', { proxyUrl: moved }));
    cluster.allow('harbor', 'ci/other');
    await cluster.api.goOnline();
    await eventually('all volumes show the change', async () => {
      await kubelet.untilAllPublishedAgain();
      return [...kubelet.pods].every(({ volume }) => volume.read()['connector.status.proxyAddress'] === moved);
    });
    assertNodeIsCurrent(cluster.node, kubelet, moved);
    await untilDescriptorsAre(driver.pid, descriptors);
  });
});
