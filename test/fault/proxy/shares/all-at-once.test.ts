import assert from 'node:assert/strict';
import { needsKnownPorts, ownAddress } from '../../../support/e2e/host-names.ts';
import type { KubeObject } from '../../../support/kube-api/resources.ts';
import { AttackedProxy } from '../../../support/proxy/attacks/attacked-proxy.ts';
import type { HostileNamespace } from '../../../support/proxy/attacks/attacked-proxy.ts';
import * as costly from '../../../support/proxy/attacks/costly-objects.ts';
import { connector } from '../../../support/proxy/manifests.ts';
import { UnresponsiveDnsServer } from '../../../support/proxy/unresponsive-dns-server.ts';
import { started } from '../../../support/started.ts';

const silentNames = Array.from({ length: 12 }, (_each, at) => `silent-${at}`);
/** Pods without a token. */
const strangers = (third: number, count: number): { readonly address: string; readonly authorization: '' }[] =>
  Array.from({ length: count }, (_each, at) => ({ address: `127.${third}.0.${at + 1}`, authorization: '' }));

function silentConnectors(namespace: string): readonly object[] {
  return silentNames.map((name) => connector(name, `http://${name}.${namespace}.example`, { namespace }));
}

describe('a proxy as deployed that ten namespaces attack in all ways at once', function () {
  this.timeout(600_000);
  before(needsKnownPorts);

  it('answers all probes, and serves others afterwards as before', async () => {
    started(await UnresponsiveDnsServer.start(ownAddress));
    const stores = costly.trustStores();
    const objects = (namespace: HostileNamespace): readonly object[] => {
      const { name, toolPort } = namespace;
      const at = Number(name.slice('hostile-'.length));
      return [
        ...(at < 4 ? silentConnectors(name) : []),
        ...(at === 2 ? costly.ruledConnectors(name, 1_300) : []),
        ...(at === 5 ? [connector('plain', `http://hostile.example:${toolPort}/plain`, { namespace: name })] : []),
        ...(at >= 6 ? stores(namespace) : []),
      ];
    };
    const attacked = started(
      await AttackedProxy.start(10, { objects, isStatusWritten: true, place: { nameServer: ownAddress } }),
    );
    const { hostile, api } = attacked;
    // The first request of a pod has to find out who it is.
    await attacked.bystand(1, 0);
    for (const namespace of hostile.slice(0, 2)) {
      const { toolPort } = namespace;
      const urls = [`http://hostile.example:${toolPort}/`];
      await attacked.attack('slowChains', { pods: attacked.pods(namespace, 2), lanes: 10, toolPort, urls });
    }
    for (const namespace of hostile.slice(0, 4)) {
      const urls = silentNames.map((name) => `http://${name}.${namespace.name}.example/`);
      await attacked.attack('requests', { pods: attacked.pods(namespace, 2, silentNames), lanes: 12, urls });
    }
    const [tunnelling, hanging] = hostile.slice(4) as [HostileNamespace, HostileNamespace];
    await attacked.attack('tunnelHandshakes', {
      ...{ pods: attacked.pods(tunnelling, 2), lanes: 10, curve: 'P-521' },
      urls: [`hostile.example:${tunnelling.toolPort}`],
    });
    await attacked.attack('listenerHandshakes', { pods: strangers(3, 10), lanes: 4, curve: 'P-521' });
    await attacked.attack('requestsInFlight', {
      ...{ pods: attacked.pods(hanging, 20, ['plain']), lanes: 30, toolPort: hanging.toolPort },
      urls: [`http://hostile.example:${hanging.toolPort}/plain/`],
    });
    await attacked.attack('incompleteHeaders', { pods: strangers(4, 24), lanes: 100 });
    for (const namespace of hostile.slice(6)) {
      const pods = attacked.pods(namespace, 2, costly.storeNames);
      await attacked.attack('requests', { pods, lanes: 8, urls: costly.storeUrls(namespace) });
    }
    let version = 0;
    const editing = setInterval(() => api.put(costly.largeConnector('hostile-3', (version += 1)) as KubeObject), 50);
    // How many of these are served depends on what else this machine does.
    const { probes } = await attacked.bystand(400, 50).finally(() => clearInterval(editing));
    await attacked.endAttacks();
    const afterwards = await attacked.bystand(20, 100);
    assert.ok(!attacked.proxy.hasEnded, attacked.proxy.log);
    const missed = probes.missed + afterwards.probes.missed;
    assert.deepEqual({ missed, failed: afterwards.failed }, { missed: 0, failed: {} });
  });
});
