import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { bindDriver } from '../../support/access/driver-rules.js';
import { Cluster } from '../../support/driver/cluster.js';
import { DriverProcess } from '../../support/driver/driver-process.js';
import { connector } from '../../support/driver/manifests.js';
import { eventually } from '../../support/poll.js';

describe('the driver as a process of its own, with a kubeconfig', () => {
  let cluster: Cluster;
  let kubeconfig: string;
  beforeEach(async () => {
    cluster = await Cluster.start();
    kubeconfig = path.join(cluster.node.root, 'kubeconfig');
  });
  afterEach(() => cluster.stop());

  const start = (): Promise<DriverProcess> =>
    DriverProcess.start(cluster.node, [
      ...['--connector-source', 'kubernetes', '--manifests', '', '--kubeconfig', kubeconfig],
      ...['--http-address', '127.0.0.1:0'],
    ]);

  for (const credential of ['token', 'client-certificate'] as const) {
    it(`publishes, refreshes and ends with a ${credential}, and tells nobody a secret`, async () => {
      bindDriver(cluster.api, 'base/rbac.yaml');
      cluster.api.writeKubeconfig(kubeconfig, { name: 'driver' }, credential);
      const driver = await start();
      const volume = cluster.node.volume();
      await driver.kubelet.publish(volume.publishRequest());
      assert.equal(volume.read()['context.token'], volume.token);
      cluster.put(connector('harbor', { proxyUrl: 'http://moved.example' }));
      volume.renewToken();
      await eventually('the change has come', async () => {
        await driver.kubelet.publish(volume.publishRequest());
        return volume.read()['connector.status.proxyAddress'] === 'http://moved.example';
      });
      const metrics = (await driver.http('/metrics')).body;
      assert.match(
        metrics,
        /^connectors_csi_api_requests_total\{verb="create",resource="subjectaccessreviews",code="201"\} 1$/m,
      );
      await driver.kubelet.unpublishVolume(volume);
      assert.deepEqual(await driver.stop(), { status: 0, signal: null });
      const secret = /^ +(?:token|client-key-data): (\S+)/m.exec(readFileSync(kubeconfig, 'utf8'))?.[1];
      assert.ok(secret !== undefined && secret.length > 30);
      for (const text of [driver.stderr, driver.stdout, metrics]) assert.ok(!text.includes(secret));
    });
  }

  it('serves while its own token is not accepted, and goes on when it is replaced', async () => {
    bindDriver(cluster.api, 'base/rbac.yaml');
    cluster.api.writeKubeconfig(kubeconfig, { name: 'driver' });
    const tokenFile = path.join(cluster.node.root, 'token');
    const text = readFileSync(kubeconfig, 'utf8');
    const good = /token: (\S+)/.exec(text)?.[1] ?? '';
    writeFileSync(tokenFile, 'expired');
    writeFileSync(kubeconfig, text.replace(/token: \S+/, `tokenFile: ${tokenFile}`));
    const driver = new DriverProcess(cluster.node, [
      ...['--connector-source', 'kubernetes', '--manifests', '', '--kubeconfig', kubeconfig],
    ]);
    await driver.untilLogged('serving');
    assert.equal((await driver.kubelet.probe()).ready?.value, false);
    const volume = cluster.node.volume();
    const publishing = driver.kubelet.publish(volume.publishRequest());
    await eventually('it was refused', () => cluster.api.count({ code: 401 }) > 0);
    writeFileSync(tokenFile, good);
    await publishing;
    assert.equal(volume.read()['context.token'], volume.token);
    await driver.kubelet.unpublishVolume(volume);
    await driver.stop();
  });
});
