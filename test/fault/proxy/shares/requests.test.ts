import assert from 'node:assert/strict';
import { AttackedProxy } from '../../../support/proxy/attacks/attacked-proxy.ts';
import { started } from '../../../support/started.ts';

describe('requests in flight, attacked from another process', function () {
  this.timeout(180_000);

  it('are shared by namespaces: the pods of one leave room to another', async () => {
    const attacked = started(await AttackedProxy.start(1, { scheme: 'http' }));
    const [namespace] = attacked.hostile;
    assert.ok(namespace);
    const url = `http://hostile.example:${namespace.toolPort}/`;
    await attacked.attack('requestsInFlight', {
      ...{ pods: attacked.pods(namespace, 20), lanes: 30, urls: [url] },
      toolPort: namespace.toolPort,
    });
    const { failed, served } = await attacked.bystand(150, 20);
    assert.deepEqual({ failed, served }, { failed: {}, served: 150 });
  });
});
