import assert from 'node:assert/strict';
import { AttackedProxy } from '../../../support/proxy/attacks/attacked-proxy.ts';
import { storeNames, storeUrls, trustStores } from '../../../support/proxy/attacks/costly-objects.ts';
import { started } from '../../../support/started.ts';

describe('trust stores, attacked from another process', function () {
  this.timeout(300_000);

  it('of ten namespaces leave the thread to others', async () => {
    const attacked = started(await AttackedProxy.start(10, { objects: trustStores() }));
    for (const namespace of attacked.hostile) {
      const pods = attacked.pods(namespace, 2, storeNames);
      await attacked.attack('requests', { pods, lanes: 8, urls: storeUrls(namespace) });
    }
    const { failed, served, probes } = await attacked.bystand(300, 50);
    assert.deepEqual({ failed, served, missed: probes.missed }, { failed: {}, served: 300, missed: 0 });
  });
});
