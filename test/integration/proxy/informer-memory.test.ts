import assert from 'node:assert/strict';
import { eventually } from '../../support/poll.ts';
import { ClusterFixture } from '../../support/proxy/cluster-fixture.ts';
import { connector, connectorClass } from '../../support/proxy/manifests.ts';
import { ToolServer } from '../../support/proxy/tool-server.ts';
import { started } from '../../support/started.ts';

describe('the memory of the proxy for Connectors', () => {
  it('is bounded: one namespace’s flood is refused, others are served, and what finds room later is taken', async () => {
    const tool = started(await ToolServer.start('http'));
    const fixture = started(await ClusterFixture.start());
    fixture.maxObjectBytes = 400_000;
    const large = (name: string): object => {
      const made = connector(name, tool.url(), { namespace: 'flood' }) as { readonly spec: object };
      return { ...made, spec: { ...made.spec, params: [{ name: 'x', value: 'x'.repeat(40_000) }] } };
    };
    fixture.put(connectorClass());
    const names = Array.from({ length: 10 }, (_, at) => `large-${at}`);
    for (const name of names) fixture.put(large(name));
    const proxy = await fixture.replica();
    const shown = async (metric: string): Promise<number> =>
      Number(new RegExp(`^connectors_proxy_${metric} (\\d+)$`, 'm').exec(await proxy.metrics.text())?.[1]);
    const refused = await shown('rejected_objects');
    assert.ok(refused > 0 && refused < 10, String(refused));
    assert.ok((await shown('object_memory_bytes')) <= 200_000);

    fixture.put(connector('tool', tool.url()));
    fixture.allow('tool');
    await eventually('the other one is served', async () => (await fixture.client().get(tool.url())).status === 200);

    fixture.api.bind({
      serviceAccount: 'ci/builder',
      rules: [{ verbs: ['get'], apiGroups: ['connectors.alauda.io'], resources: ['connectors'] }],
    });
    const answers = await Promise.all(names.map((name) => fixture.client(`flood/${name}`).get(tool.url())));
    const turnedAway = answers.filter(({ status }) => status !== 200);
    assert.equal(turnedAway.length, refused);
    assert.match(turnedAway[0]?.body ?? '', /the objects of namespace "flood" that the proxy knows take/);
    const served = names.filter((_, at) => answers[at]?.status === 200);
    for (const name of served) fixture.api.delete('connectors', { namespace: 'flood', name });
    await eventually(
      'the others are taken',
      async () => (await shown('rejected_objects')) === Math.max(0, refused - served.length),
      30_000,
    );
  }).timeout(60_000);

  it('counts what an empty Connector takes besides its content', async () => {
    const fixture = started(await ClusterFixture.start());
    fixture.put(connectorClass());
    for (let at = 0; at < 100; at += 1) fixture.put(connector(`c${at}`, 'http://tool.example'));
    const proxy = await fixture.replica();
    const [, bytes] = /^connectors_proxy_object_memory_bytes (\d+)$/m.exec(await proxy.metrics.text()) ?? [];
    assert.ok(Number(bytes) > 100 * 3072, bytes);
  });

  it('is reported as unconfirmed while the API server does not list it again', async () => {
    const fixture = started(await ClusterFixture.start());
    fixture.put(connectorClass());
    const proxy = await fixture.replica();
    const staleness = async (): Promise<number> =>
      Number(/^connectors_proxy_watch_staleness_seconds (\S+)$/m.exec(await proxy.metrics.text())?.[1]);
    const before = await staleness();
    fixture.api.faults.add({ resource: 'connectors', effect: { kind: 'status', code: 500 } });
    fixture.api.endWatches();
    await eventually('time has passed', async () => (await staleness()) > before + 0.2);
    fixture.api.faults.clear();
    await eventually('it is confirmed', async () => {
      fixture.api.sendBookmarks();
      return (await staleness()) < before + 0.2;
    });
  });
});
