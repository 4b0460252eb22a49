import assert from 'node:assert/strict';
import type { JsonObject } from '../../../../src/shared/json.ts';
import { Cluster } from '../../../support/driver/cluster.ts';
import { assertFails } from '../../../support/driver/kubelet-client.ts';
import { connector, connectorClass } from '../../../support/driver/manifests.ts';
import type { TestVolume } from '../../../support/driver/test-volume.ts';
import { tokensKey } from '../../../support/driver/test-volume.ts';
import { tokenFor } from '../../../support/driver/tokens.ts';
import { started } from '../../../support/started.ts';

const half = { expirationSeconds: 1800 };
const config = { name: 'config', data: { 'own.token': '{{ .context.token }}' } };

/** A connector whose proxy has an address, and tokens, of its own. */
function at(name: string, url: string, audience?: string): JsonObject {
  const httpAddress = { url, ...(audience === undefined ? {} : { audience }) };
  return { ...connector(name, { className: name }), status: { proxy: { httpAddress } } };
}

describe('a proxy that expects tokens of its own', () => {
  let cluster: Cluster;
  let volume: TestVolume;
  let tokens: Readonly<Record<string, string>>;
  beforeEach(async () => {
    cluster = started(await Cluster.start());
    cluster.putCsiDriver({
      tokenRequests: ['connectors-proxy', 'inner', 'outer'].map((audience) => ({ audience, ...half })),
    });
    volume = cluster.node.volume();
    tokens = Object.fromEntries(
      ['connectors-proxy', 'inner', 'outer', 'https://kubernetes.default.svc'].map((audience) => [
        audience,
        tokenFor(volume.pod, { audience }),
      ]),
    );
    for (const name of ['inner', 'outer', 'greedy']) {
      cluster.put(
        connectorClass(name, { configurations: [{ ...config, data: { [`${name}.token`]: '{{ .context.token }}' } }] }),
      );
      cluster.allow(name);
    }
    cluster.put(at('inner', 'http://inner.example:8080', 'inner'));
    cluster.put(at('outer', 'http://outer.example:8080', 'outer'));
  });

  const requestOf = (connectors: string, names = ''): Parameters<TestVolume['publishRequest']>[0] => ({
    token: null,
    attributes: { connectors, 'configuration.names': names },
    context: {
      [tokensKey]: JSON.stringify(Object.fromEntries(Object.entries(tokens).map(([name, token]) => [name, { token }]))),
    },
  });

  it('gets them beside another, each in its own files, renewed when either is', async () => {
    const driver = await cluster.readyDriver();
    const publish = (): Promise<void> => driver.kubelet.publishVolume(volume, requestOf('inner,outer', 'config'));
    await publish();
    const files = volume.read();
    assert.equal(files['context.token'], tokens['outer']);
    assert.equal(files['inner.token'], tokens['inner']);
    assert.equal(files['outer.token'], tokens['outer']);
    const revision = volume.revision();
    await publish();
    assert.equal(volume.revision(), revision);
    tokens = { ...tokens, inner: tokenFor(volume.pod, { audience: 'inner' }) };
    await publish();
    assert.equal(volume.read()['inner.token'], tokens['inner']);
    assert.notEqual(volume.revision(), revision);
  });

  it('is an error of the CSIDriver object that does not ask for them, with the lines to add', async () => {
    cluster.putCsiDriver({});
    const driver = await cluster.readyDriver();
    await assertFails(
      driver.kubelet.publishVolume(volume, requestOf('inner')),
      'FAILED_PRECONDITION',
      /no token for audience "inner": add to spec\.tokenRequests .* the item \{audience: "inner", expirationSeconds: 1800\}$/,
    );
  });

  it('is never given one for the API server, neither passed nor minted', async () => {
    cluster.grantDriver('token-minting');
    cluster.put(at('greedy', 'http://greedy.example', 'https://kubernetes.default.svc'));
    const driver = await cluster.readyDriver({ flags: ['--allow-token-minting'] });
    await assertFails(
      driver.kubelet.publishVolume(volume, requestOf('greedy')),
      'FAILED_PRECONDITION',
      /no token for audience "https:\/\/kubernetes\.default\.svc"/,
    );
    assert.equal(cluster.api.count({ resource: 'serviceaccounts', subresource: 'token' }), 0);
  });
});
