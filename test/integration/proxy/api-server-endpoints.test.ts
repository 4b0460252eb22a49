import assert from 'node:assert/strict';
import { eventually } from '../../support/poll.ts';
import { ClusterFixture } from '../../support/proxy/cluster-fixture.ts';
import { connector, connectorClass } from '../../support/proxy/manifests.ts';
import { ToolServer } from '../../support/proxy/tool-server.ts';
import { started } from '../../support/started.ts';

const slice = { namespace: 'default', name: 'kubernetes' };

/** As the API servers write it. */
function endpointSlice(port: number): object {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...slice, labels: { 'kubernetes.io/service-name': 'kubernetes' } },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: true } }],
    ports: [{ name: 'https', port, protocol: 'TCP' }],
  };
}

describe('the endpoints of the API server', () => {
  let apiServer: ToolServer;
  let tool: ToolServer;
  let fixture: ClusterFixture;

  beforeEach(async () => {
    apiServer = started(await ToolServer.start('http'));
    tool = started(await ToolServer.start('http'));
    fixture = started(await ClusterFixture.start());
    fixture.put(connector('api', apiServer.url()), connector('tool', tool.url()), connectorClass());
    for (const name of ['api', 'tool']) fixture.allow(name);
  });

  it('are refused in every way in, and other ports of the same address are not', async () => {
    fixture.put(endpointSlice(apiServer.port));
    await fixture.replica();
    const client = fixture.client('ci/api,ci/tool');
    const refusal = /is blocked: the proxy does not connect to .* nor to the API server/;
    for (const answer of [
      await client.get(apiServer.url()),
      await client.get(apiServer.url('other.example')),
      await client.get(apiServer.url('127.0.0.1')),
      await client.reverse('/namespaces/ci/connectors/api/'),
    ]) {
      assert.equal(answer.status, 403);
      assert.match(answer.body, refusal);
    }
    for (const host of ['other.example', '127.0.0.1']) {
      assert.match((await client.connect(`${host}:${apiServer.port}`)).head, /^HTTP\/1\.1 403 /);
    }
    assert.equal((await client.get(tool.url())).status, 200);
    const { head, socket } = await client.connect(`127.0.0.1:${tool.port}`);
    assert.match(head, /^HTTP\/1\.1 200 /);
    socket.destroy();
    assert.deepEqual(apiServer.seen, []);
  });

  it('are followed as they change, also for a Connector that has been used', async () => {
    fixture.put(endpointSlice(1), connector('api', apiServer.url('127.0.0.1')));
    await fixture.replica();
    const status = async (): Promise<number> => (await fixture.client('ci/api').get(apiServer.url('127.0.0.1'))).status;
    assert.equal(await status(), 200);
    fixture.put(endpointSlice(apiServer.port));
    await eventually('the new endpoint is refused', async () => (await status()) === 403);
    fixture.api.delete('endpointslices', slice);
    await eventually('the old endpoint is not', async () => (await status()) === 200);
  });

  it('must be readable: a replica without the permission is not ready, and says why', async () => {
    const giveBack = fixture.withoutRights('endpointslices');
    const proxy = await fixture.replica({ untilReady: false });
    const reason =
      "reading endpointslice default/kubernetes failed: the proxy's own service account lacks a permission";
    await eventually('it says so', () => proxy.notReadyReason()?.startsWith(reason) === true);
    giveBack();
    await eventually('it is ready', () => proxy.notReadyReason() === undefined);
  });

  it('are read before a replica is ready', async () => {
    fixture.api.faults.add({ verb: 'list', resource: 'endpointslices', effect: { kind: 'status', code: 500 } });
    const proxy = await fixture.replica({ untilReady: false });
    await eventually('it waits for them', () => proxy.notReadyReason()?.startsWith('reading endpointslice') === true);
    fixture.api.faults.clear();
    await eventually('it is ready', () => proxy.notReadyReason() === undefined);
  });
});
