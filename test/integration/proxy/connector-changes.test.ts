import assert from 'node:assert/strict';
import { ConnectorInformer } from '../../../src/proxy/connectors/connector-informer.js';
import { mainAddressOf } from '../../../src/proxy/connectors/tool-address.js';
import { proxyLimits } from '../../../src/proxy/limits.js';
import { CodedError } from '../../../src/shared/errors.js';
import type { Connector } from '../../../src/shared/connectors/model.js';
import { silentLog } from '../../../src/shared/log.js';
import { KubeApi } from '../../support/kube-api/kube-api.js';
import { adminConfig, testClient } from '../../support/kube-client/test-client.js';
import { eventually } from '../../support/poll.js';
import { connector, connectorClass } from '../../support/proxy/manifests.js';
import { started } from '../../support/started.js';

const { burst, everyMs } = proxyLimits.connectorChanges;
const { signal } = new AbortController();
const hostOf = (edit: number): string => `tool-${edit}.example`;

function hostIn(connector: Connector): string {
  const address = mainAddressOf(connector);
  return 'host' in address ? address.host : '';
}

describe('A Connector that changes too often', () => {
  let api: KubeApi;
  let informer: ConnectorInformer;
  let nowMs = 0;

  beforeEach(async () => {
    api = started(await KubeApi.start());
    const clock = { now: () => nowMs, random: () => 0.5 };
    informer = started(new ConnectorInformer(testClient(adminConfig(api), { clock }), 1 << 20, silentLog));
    api.put(connectorClass() as never);
  });

  /** Edits a Connector, and waits until the edit has arrived. */
  async function edit(name: string, number: number): Promise<void> {
    api.put(connector(name, `https://${hostOf(number)}`) as never);
    await eventually('the edit is there', () => {
      const found = informer.connector(`ci/${name}`);
      return found !== undefined && !(found instanceof CodedError) && hostIn(found) === hostOf(number);
    });
  }

  const usedHost = async (name: string): Promise<string | undefined> => {
    const found = await informer.find({ namespace: 'ci', name }, signal);
    return found && hostIn(found.connector);
  };

  it('is used as it was before, and as it is then; others and a deletion count at once', async () => {
    informer.start();
    await edit('tool', 0);
    await edit('other', 0);
    assert.equal(await usedHost('tool'), hostOf(0));
    for (let number = 1; number <= burst; number += 1) {
      await edit('tool', number);
      assert.equal(await usedHost('tool'), hostOf(number));
    }
    await edit('tool', burst + 1);
    await edit('tool', burst + 2);
    assert.equal(await usedHost('tool'), hostOf(burst));
    await edit('other', 1);
    assert.equal(await usedHost('other'), hostOf(1));
    nowMs += everyMs;
    assert.equal(await usedHost('tool'), hostOf(burst + 2));
    await edit('tool', burst + 3);
    api.delete('connectors', { namespace: 'ci', name: 'tool' });
    await eventually('it is gone', async () => (await usedHost('tool')) === undefined);
    await edit('tool', 0);
    assert.equal(await usedHost('tool'), hostOf(0));
  });
});
