import assert from 'node:assert/strict';
import { AttackedProxy } from '../../../support/proxy/attacks/attacked-proxy.ts';
import { started } from '../../../support/started.ts';

describe('certificates of tools that take long to verify, attacked from another process', function () {
  this.timeout(600_000);

  it('cost the namespace of two pods its share, and leave the thread to others', async () => {
    const attacked = started(await AttackedProxy.start(1));
    const [namespace] = attacked.hostile;
    assert.ok(namespace);
    await attacked.attack('slowChains', {
      ...{ pods: attacked.pods(namespace, 2), lanes: 20, toolPort: namespace.toolPort },
      urls: [`http://hostile.example:${namespace.toolPort}/`],
    });
    const { failed, served, probes } = await attacked.bystand(200, 50);
    assert.deepEqual({ failed, served, missed: probes.missed }, { failed: {}, served: 200, missed: 0 });
    const [counts = {}] = await attacked.endAttacks();
    assert.ok((counts['429'] ?? 0) > (counts['502'] ?? 0), 'most attempts are not begun');
  });
});
