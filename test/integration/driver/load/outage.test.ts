import assert from 'node:assert/strict';
import { Cluster } from '../../../support/driver/cluster.ts';
import { connector, connectorClass } from '../../../support/driver/manifests.ts';
import { eventually } from '../../../support/poll.ts';
import { started } from '../../../support/started.ts';

describe('an outage after which lists bring 500 changes', () => {
  it('reaches every volume with all of them, and ends no driver', async () => {
    const cluster = started(await Cluster.start());
    const names = Array.from({ length: 500 }, (_, index) => `c${index}`);
    const put = (state: string): void => {
      for (const name of names) cluster.put(connector(name, { proxyUrl: `http://${name}-${state}.example` }));
    };
    const template = '{{ range .connectors }}{{ .status.proxyAddress }}\n{{ end }}';
    cluster.put(connectorClass('oci', { configurations: [{ name: 'all', data: { all: template } }] }));
    put('old');
    for (const name of names) cluster.allow(name);
    const driver = await cluster.readyDriver({ flags: ['--max-watched-objects', '2000'] });
    const volumes = Array.from({ length: 100 }, (_, index) => {
      const own = names.slice(index * 5, index * 5 + 5);
      return { own, volume: cluster.node.volume() };
    });
    for (const { own, volume } of volumes) {
      const attributes = { connectors: own.join(','), 'configuration.names': 'all' };
      await driver.kubelet.publishVolume(volume, { attributes });
    }
    await eventually('all is watched', () => cluster.api.openWatches('connectors') === names.length);

    cluster.api.clearRequests();
    await cluster.api.goOffline();
    put('new');
    cluster.api.advanceRevision();
    cluster.api.compact();
    await cluster.api.goOnline();
    const left = new Set(volumes);
    await eventually('all show it', () => {
      for (const each of left) {
        const expected = each.own.map((name) => `http://${name}-new.example\n`).join('');
        if (each.volume.read()['all'] === expected) left.delete(each);
      }
      return left.size === 0;
    });
    assert.ok(cluster.api.count({ verb: 'list', resource: 'connectors', code: 200 }) >= names.length);
  }).timeout(300_000);
});
