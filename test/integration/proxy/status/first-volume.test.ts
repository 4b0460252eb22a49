import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { chartFolder } from '../../../support/deploy/manifests.js';
import { assertFails } from '../../../support/driver/kubelet-client.js';
import { FlowFixture } from '../../../support/e2e/flow-fixture.js';
import { eventually } from '../../../support/poll.js';
import { connector } from '../../../support/proxy/manifests.js';

interface Status {
  readonly proxy?: object;
  readonly conditions?: readonly { readonly type: string; readonly status: string }[];
}

const attributes = { connectors: 'ci/tool' };
const url = 'http://connectors-proxy-service.connectors-system.svc.cluster.local';

describe('a Connector that nobody has written a status into', function () {
  this.timeout(120_000);

  let fixture: FlowFixture;
  before(async () => {
    fixture = await FlowFixture.start({ hosts: [] });
  });
  after(() => fixture.stop());

  it('gets one of the built proxy, and the built driver mounts what it says', async () => {
    const volume = fixture.node.volume();
    const publish = (): Promise<void> => fixture.publish(volume, attributes);
    fixture.allow(['tool'], volume.pod.serviceAccountName);
    // Its class as the chart has it; nothing but the Connector comes from an author.
    fixture.put(connector('tool', 'https://registry.example.com', { className: 'oci', secret: 'missing' }));
    await assertFails(publish(), 'NOT_FOUND', /connectorclass oci .*does not exist/);
    fixture.put(parse(readFileSync(path.join(chartFolder, 'files', 'classes', 'oci.yaml'), 'utf8')) as object);

    const status = (): Status => fixture.api.get('connectors', { namespace: 'ci', name: 'tool' })?.['status'] ?? {};
    await eventually('it has a status', () => status().proxy !== undefined, 60_000);
    // A Secret that is missing is no reason to have no files: what is wrong is told by the condition, and by the proxy.
    await publish();
    const files = volume.read();
    assert.match(files['.env'] ?? '', new RegExp(`^http_proxy=http://ci%2Ftool:[^@]+@${new URL(url).host}:80$`, 'm'));
    assert.equal(files['ca.crt'], fixture.authority);
    assert.equal(files['connector.status.proxyAddress'], `${url}/namespaces/ci/connectors/tool`);
    assert.deepEqual(status().conditions?.find(({ type }) => type === 'Ready')?.status, 'False');
    await fixture.driver.kubelet.unpublishVolume(volume);
  });
});
