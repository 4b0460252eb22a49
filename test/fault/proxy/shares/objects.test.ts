import assert from 'node:assert/strict';
import type { KubeObject } from '../../../support/kube-api/resources.ts';
import { eventually } from '../../../support/poll.ts';
import { AttackedProxy } from '../../../support/proxy/attacks/attacked-proxy.ts';
import { ruledConnectors } from '../../../support/proxy/attacks/costly-objects.ts';
import { connector } from '../../../support/proxy/manifests.ts';
import { started } from '../../../support/started.ts';

describe('Connectors of hostile namespaces, in a proxy as deployed', function () {
  this.timeout(600_000);

  async function assertServesOthers(attacked: AttackedProxy): Promise<void> {
    const { served, failed, probes } = await attacked.bystand(100, 20);
    const { proxy } = attacked;
    assert.ok(!proxy.hasEnded, proxy.log);
    assert.ok(served === 100 && probes.missed === 0, JSON.stringify({ failed, probes }));
    console.log(
      `      peak ${proxy.peakMib.toFixed(0)} MiB, ${await attacked.metric('object_memory_bytes')} bytes counted`,
    );
  }

  it('with long rules are checked, and their parsed rules are not kept', async () => {
    // So many that each has time for all of its own soon.
    const [namespaces, count] = [50, 26];
    const attacked = started(
      await AttackedProxy.start(namespaces, {
        isStatusWritten: true,
        objects: ({ name }) => ruledConnectors(name, count),
      }),
    );
    const isChecked = (namespace: string, at: number): boolean =>
      attacked.api.get('connectors', { namespace, name: `ruled-${at}` })?.['status'] !== undefined;
    await eventually(
      'all are checked',
      () =>
        attacked.proxy.hasEnded ||
        attacked.hostile.every(({ name }) => Array.from({ length: count }).every((_each, at) => isChecked(name, at))),
      300_000,
    );
    await assertServesOthers(attacked);
  });

  it('flood it with small ones: the namespace loses its own newest, and others get theirs', async () => {
    const attacked = started(await AttackedProxy.start(1, { isStatusWritten: true }));
    const { api, proxy } = attacked;
    let count = 0;
    const flood = async (until: number): Promise<void> => {
      while (count < until) {
        // The tool of the others is in this process too.
        for (let at = 0; at < 50; at += 1) {
          api.put(connector(`c${(count += 1)}`, 'http://a', { namespace: 'hostile-0' }) as KubeObject);
        }
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    };
    await flood(108_000);
    await assertServesOthers(attacked);
    const flooding = flood(200_000);
    await assertServesOthers(attacked);
    await flooding;
    await eventually('all have arrived', async () => (await attacked.metric('rejected_objects')) > 0);
    await assertServesOthers(attacked);
    const limit = await attacked.metric('object_memory_bytes_limit');
    assert.ok((await attacked.metric('object_memory_bytes')) <= limit / 2 + 2 ** 20, 'half of it is for one namespace');
    api.put(connector('new', 'http://new.example') as KubeObject);
    await eventually('a new Connector of others is checked', () => {
      return proxy.hasEnded || api.get('connectors', { namespace: 'ci', name: 'new' })?.['status'] !== undefined;
    });
    assert.ok(!proxy.hasEnded, proxy.log);
  });
});
