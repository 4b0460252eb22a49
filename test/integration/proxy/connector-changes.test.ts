import assert from 'node:assert/strict';
import { ConnectorInformer } from '../../../src/proxy/connectors/connector-informer.ts';
import { mainAddressOf } from '../../../src/proxy/connectors/tool-address.ts';
import { proxyLimits } from '../../../src/proxy/limits.ts';
import { ThreadShares } from '../../../src/proxy/thread-shares.ts';
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
  let threads: ThreadShares;
  let nowMs: number;
  /** CPU time of one parse, and how many were charged. */
  let parseMs: number;
  let charged: number;

  beforeEach(async () => {
    api = started(await KubeApi.start());
    // No time passes between edits.
    const clock = { now: () => 0, random: () => 0.5 };
    [nowMs, parseMs, charged] = [0, 0, 0];
    let cpuMs = 0;
    threads = new ThreadShares(
      () => nowMs,
      () => {
        charged += 1 / 2;
        return (cpuMs += parseMs);
      },
    );
    informer = started(new ConnectorInformer(testClient(adminConfig(api), { clock }), 1 << 20, threads, silentLog));
    api.put(connectorClass() as never);
    informer.start();
  });

  const usedHost = async (namespace = 'ci'): Promise<string | undefined> => {
    const found = await informer.find({ namespace, name: 'tool' }, signal);
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

  it('waits while its namespace is over its share of the thread, and only its newest version is parsed', async () => {
    const { burst, everyMs } = proxyLimits.thread;
    const edit = (host: string, namespace = 'hostile'): void =>
      void api.put(connector('tool', `https://${host}`, { namespace }) as never);
    await usedHost();
    parseMs = burst + 1;
    edit('first.example');
    await eventually('the first version is used', async () => (await usedHost('hostile')) === 'first.example');
    assert.equal(charged, 1);
    for (let at = 0; at < edits; at += 1) edit(`tool-${at}.example`);
    edit('other.example', 'ci');
    await eventually('another namespace has its change at once', async () => (await usedHost()) === 'other.example');
    await assert.rejects(usedHost('hostile'), { code: 'RESOURCE_EXHAUSTED', message: /has changed.*try again/ });
    assert.equal(charged, 2);
    parseMs = 0;
    nowMs += everyMs;
    await eventually('the last version is used', async () => {
      const host = await usedHost('hostile').catch(() => 'none');
      return host === `tool-${edits - 1}.example`;
    });
    assert.equal(charged, 3);
  });

  it('does not return if it is deleted while a change waits', async () => {
    const { burst, everyMs } = proxyLimits.thread;
    await usedHost();
    threads.of('hostile').charge(burst + 1);
    api.put(connector('tool', 'https://tool.example', { namespace: 'hostile' }) as never);
    api.put(connector('last', 'https://tool.example', { namespace: 'hostile' }) as never);
    const find = (name: string): unknown => informer.find({ namespace: 'hostile', name }, signal);
    await eventually('both wait', () => informer.load.rejected === 2);
    api.delete('connectors', { namespace: 'hostile', name: 'tool' });
    await eventually('one is deleted', () => informer.load.rejected === 1);
    nowMs += everyMs;
    await eventually('the other is there', () => [...informer.keys('connector')].includes('hostile/last'));
    assert.equal(await find('tool'), undefined);
    assert.equal(charged, 1);
  });
});
