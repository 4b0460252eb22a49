import assert from 'node:assert/strict';
import { AttackedProxy } from '../../../support/proxy/attacks/attacked-proxy.ts';
import { started } from '../../../support/started.ts';

describe('connections, attacked from another process', function () {
  this.timeout(180_000);

  it('are there for others although 24 addresses without a token open as many as they get', async () => {
    const attacked = started(await AttackedProxy.start(0));
    const pods = Array.from({ length: 24 }, (_each, at) => ({ address: `127.2.0.${at + 1}`, authorization: '' }));
    await attacked.attack('incompleteHeaders', { pods, lanes: 100 });
    const { failed, served, probes } = await attacked.bystand(120, 25);
    assert.deepEqual({ failed, served, missed: probes.missed }, { failed: {}, served: 120, missed: 0 });
  });
});
