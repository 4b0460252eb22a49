import { ConnectorInformer } from '../../../src/proxy/connectors/connector-informer.ts';
import { mainAddressOf } from '../../../src/proxy/connectors/tool-address.ts';
import { silentLog } from '../../../src/shared/log.ts';
import { KubeApi } from '../../support/kube-api/kube-api.ts';
import { adminConfig, testClient } from '../../support/kube-client/test-client.ts';
import { eventually } from '../../support/poll.ts';
import { connector, connectorClass } from '../../support/proxy/manifests.ts';
import { started } from '../../support/started.ts';

const { signal } = new AbortController();
const edits = 50;

describe('A Connector that changes often', () => {
  let api: KubeApi;
  let informer: ConnectorInformer;

  beforeEach(async () => {
    api = started(await KubeApi.start());
    // No time passes between edits.
    const clock = { now: () => 0, random: () => 0.5 };
    informer = started(new ConnectorInformer(testClient(adminConfig(api), { clock }), 1 << 20, silentLog));
    api.put(connectorClass() as never);
    informer.start();
  });

  const usedHost = async (): Promise<string | undefined> => {
    const found = await informer.find({ namespace: 'ci', name: 'tool' }, signal);
    if (found === undefined) return undefined;
    const address = mainAddressOf(found.connector);
    return 'host' in address ? address.host : '';
  };

  it('is used in its newest revision, without those before, which nothing counts', async () => {
    for (let edit = 0; edit < edits; edit += 1) {
      const host = `tool-${edit}.example`;
      api.put(connector('tool', `https://${host}`) as never);
      await eventually(`edit ${edit} is used`, async () => (await usedHost()) === host);
    }
    api.delete('connectors', { namespace: 'ci', name: 'tool' });
    await eventually('it is gone', async () => (await usedHost()) === undefined);
  });
});
