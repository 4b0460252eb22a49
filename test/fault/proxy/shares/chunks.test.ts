import assert from 'node:assert/strict';
import { AttackedProxy } from '../../../support/proxy/attacks/attacked-proxy.ts';
import { started } from '../../../support/started.ts';

describe('transfers in chunks of one byte, attacked from another process', function () {
  this.timeout(600_000);

  it('of eight namespaces leave the thread to others', async () => {
    const attacked = started(await AttackedProxy.start(8, { scheme: 'http' }));
    for (const namespace of attacked.hostile) {
      const { toolPort } = namespace;
      const urls = [`http://hostile.example:${toolPort}/`];
      await attacked.attack('oneByteChunks', { pods: attacked.pods(namespace, 2), lanes: 20, toolPort, urls });
    }
    const { failed, served, probes } = await attacked.bystand(200, 50);
    assert.deepEqual({ failed, served, missed: probes.missed }, { failed: {}, served: 200, missed: 0 });
  });
});
