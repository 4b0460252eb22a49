import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { bindDriver } from '../../../support/access/driver-rules.ts';
import { Cluster } from '../../../support/driver/cluster.ts';
import { DriverProcess } from '../../../support/driver/driver-process.ts';
import { assertFails } from '../../../support/driver/kubelet-client.ts';
import { connector } from '../../../support/driver/manifests.ts';
import { eventually } from '../../../support/poll.ts';
import { started } from '../../../support/started.ts';

describe('the driver as a process of its own, with a kubeconfig', () => {
  let cluster: Cluster;
  let kubeconfig: string;
  let driver: DriverProcess;
  beforeEach(async () => {
    cluster = started(await Cluster.start());
    kubeconfig = path.join(cluster.node.root, 'kubeconfig');
  });
  afterEach(() => driver.kill());

  const start = (): void => {
    driver = new DriverProcess(cluster.node, [
      ...['--connector-source', 'kubernetes', '--manifests', '', '--kubeconfig', kubeconfig],
      ...['--http-address', '127.0.0.1:0'],
    ]);
  };

  it('publishes, refreshes and ends, and tells nobody a secret', async () => {
    bindDriver(cluster.api, 'driver');
    cluster.api.writeKubeconfig(kubeconfig, { name: 'driver' });
    start();
    await driver.kubelet.untilReady();
    const volume = cluster.node.volume();
    await driver.kubelet.publishVolume(volume);
    assert.equal(volume.read()['context.token'], volume.token);
    cluster.put(connector('harbor', { proxyUrl: 'http://moved.example' }));
    volume.renewToken();
    await eventually('the change has come', async () => {
      await driver.kubelet.publishVolume(volume);
      return volume.read()['connector.status.proxyAddress'] === 'http://moved.example';
    });
    const metrics = (await driver.http('/metrics')).body;
    assert.match(
      metrics,
      /^connectors_csi_api_requests_total\{verb="create",resource="subjectaccessreviews",code="201"\} 1$/m,
    );
    await driver.kubelet.unpublishVolume(volume);
    assert.deepEqual(await driver.stop(), { status: 0, signal: null });
    const secret = /^ +token: (\S+)/m.exec(readFileSync(kubeconfig, 'utf8'))?.[1];
    assert.ok(secret !== undefined && secret.length > 30);
    for (const text of [driver.stderr, driver.stdout, metrics]) assert.ok(!text.includes(secret));
  });

  it('serves while its own token is not accepted, and goes on when it is replaced', async () => {
    bindDriver(cluster.api, 'driver');
    cluster.api.writeKubeconfig(kubeconfig, { name: 'driver' });
    const tokenFile = path.join(cluster.node.root, 'token');
    const text = readFileSync(kubeconfig, 'utf8');
    const good = /token: (\S+)/.exec(text)?.[1] ?? '';
    writeFileSync(tokenFile, 'expired');
    writeFileSync(kubeconfig, text.replace(/token: \S+/, `tokenFile: ${tokenFile}`));
    start();
    await driver.untilLogged('Started');
    assert.equal((await driver.kubelet.probe()).ready?.value, false);
    const volume = cluster.node.volume();
    const reason = /reading csidriver connectors-csi failed: the API server does not accept the driver's own token$/;
    await assertFails(driver.kubelet.publishVolume(volume), 'UNAVAILABLE', reason);
    await eventually('it is not ready for that reason', async () => {
      const { status, body } = await driver.http('/readyz');
      return status === 503 && body.includes("the API server does not accept the driver's own token");
    });
    assert.equal((await driver.http('/healthz')).status, 200);
    writeFileSync(tokenFile, good);
    await driver.kubelet.untilReady();
    await driver.kubelet.publishVolume(volume);
    assert.equal(volume.read()['context.token'], volume.token);
    assert.match((await driver.http('/readyz')).body, /^the kubelet has not registered/);
    await driver.kubelet.unpublishVolume(volume);
    await driver.stop();
  });
});
