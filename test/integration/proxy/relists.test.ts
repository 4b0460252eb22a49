import assert from 'node:assert/strict';
import { mock } from 'node:test';
import { ConnectorInformer } from '../../../src/proxy/connectors/connector-informer.ts';
import { ThreadShares } from '../../../src/proxy/thread-shares.ts';
import { silentLog } from '../../../src/shared/log.ts';
import { neverAborted } from '../../support/domain.ts';
import { KubeApi } from '../../support/kube-api/kube-api.ts';
import type { KubeObject } from '../../support/kube-api/resources.ts';
import { adminConfig, testClient } from '../../support/kube-client/test-client.ts';
import { connector } from '../../support/proxy/manifests.ts';
import { started } from '../../support/started.ts';

/** Timers are those of the test, so this waits without one. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

describe('a namespace over its share of memory that deletes Connectors', () => {
  afterEach(() => mock.timers.reset());

  it('has them listed again at most once in 30 s', async () => {
    const api = started(await KubeApi.start());
    for (let at = 0; at < 20; at += 1) {
      api.put(
        connector(`c${at}`, `https://tool.example/${'x'.repeat(10_000)}`, { namespace: 'hostile' }) as KubeObject,
      );
    }
    let nowMs = 0;
    const client = testClient(adminConfig(api), { clock: { now: () => nowMs, random: () => 0 } });
    const informer = started(
      new ConnectorInformer(
        client,
        200_000,
        new ThreadShares(
          () => 0,
          () => 0,
        ),
        silentLog,
      ),
    );
    informer.start();
    await informer.find({ namespace: 'ci', name: 'none' }, neverAborted);
    assert.ok(informer.load.rejected > 0);
    const lists = (): number => api.count({ verb: 'list', resource: 'connectors' });
    await until(() => api.openWatches('connectors') === 1);
    mock.timers.enable({ apis: ['setTimeout'] });
    const pass = (ms: number): void => {
      nowMs += ms;
      mock.timers.tick(ms);
    };
    const remove = async (): Promise<void> => {
      const [key = ''] = informer.keys('connector');
      api.delete('connectors', { namespace: 'hostile', name: key.replace('hostile/', '') });
      await until(() => ![...informer.keys('connector')].includes(key));
    };

    const before = lists();
    await remove();
    pass(1_000);
    await until(() => lists() === before + 1 && api.openWatches('connectors') === 1);
    for (let at = 1; at < 5; at += 1) {
      await remove();
      pass(5_000);
    }
    await remove();
    assert.equal(lists(), before + 1);
    pass(10_000);
    await until(() => lists() === before + 2);
  });
});
