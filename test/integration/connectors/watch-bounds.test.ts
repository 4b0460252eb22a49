import assert from 'node:assert/strict';
import { KubernetesConnectors } from '../../../src/connectors/kubernetes-connectors.js';
import type { KubeClient } from '../../../src/kube/kube-client.js';
import { silentLog } from '../../../src/log.js';
import type { Call } from '../../../src/load/call.js';
import type { ConnectorRef, ResolvedConnector } from '../../../src/connectors/model.js';
import { connector, connectorClass } from '../../support/driver/manifests.js';
import { failureOf } from '../../support/failure.js';
import { KubeApi } from '../../support/kube-api/kube-api.js';
import type { KubeObject } from '../../support/kube-api/resources.js';
import { adminConfig, testClient } from '../../support/kube-client/test-client.js';
import { eventually } from '../../support/poll.js';

const call: Call = { signal: new AbortController().signal, idleWhile: (wait) => wait() };
const named = (name: string): ConnectorRef => ({ namespace: 'ci', name });

describe('the watches of a node', () => {
  let api: KubeApi;
  let client: KubeClient;
  let source: KubernetesConnectors;

  beforeEach(async () => {
    api = await KubeApi.start();
    client = testClient(adminConfig(api));
    put(connectorClass('oci'));
  });
  afterEach(async () => {
    source.stop();
    client.close();
    await api.stop();
  });

  function put(object: unknown): void {
    api.put(object as KubeObject);
  }

  function start(maxCount: number, notFoundWaitMs = 0): void {
    source = new KubernetesConnectors({
      client,
      namespace: 'connectors-system',
      notFoundWaitMs,
      unusedWatches: { idleMs: 300_000, sweepMs: 60_000, maxCount },
      clock: { now: () => Date.now() },
      log: silentLog,
    });
    source.start();
  }
  const resolve = (name: string): Promise<readonly ResolvedConnector[]> => source.resolve([named(name)], call);

  it('do not grow with the names that pods make up', async () => {
    start(3);
    for (let index = 0; index < 20; index += 1) {
      assert.equal((await failureOf(resolve(`made-up-${index}`))).code, 'NOT_FOUND');
    }
    assert.equal(source.cachedObjects()['connectors'], 3);
    await eventually('the others are closed', () => api.openWatches('connectors') <= 3);
  });

  it('are given up from the one that has been unused for longest, and never while a volume uses it', async () => {
    start(3);
    for (const name of ['used', 'early', 'late', 'next']) put(connector(name));
    await resolve('used');
    source.retain('volume', [named('used')]);
    await resolve('early');
    await eventually(
      'the clock has moved on',
      (
        (now) => () =>
          Date.now() > now
      )(Date.now()),
    );
    await resolve('late');
    await resolve('next');
    const kept = ['used', 'early', 'late', 'next'].filter((name) => source.peek([named(name)]) !== undefined);
    assert.deepEqual(kept, ['used', 'late', 'next']);
  });

  it('are refused to more objects than a node may use at once, until some are free', async () => {
    start(2);
    for (const name of ['one', 'two', 'three']) put(connector(name));
    for (const name of ['one', 'two']) {
      await resolve(name);
      source.retain(name, [named(name)]);
    }
    const refused = await failureOf(resolve('three'));
    assert.equal(refused.code, 'RESOURCE_EXHAUSTED');
    assert.match(refused.message, /^connector ci\/three cannot be read: .* 2 .* already/);
    source.release('one');
    assert.equal((await resolve('three')).length, 1);
  });

  it('are not taken from a publish that still waits for its object', async () => {
    start(1, 60_000);
    const waiting = resolve('awaited');
    await eventually('it is watched', () => api.openWatches('connectors') === 1);
    assert.equal((await failureOf(resolve('other'))).code, 'RESOURCE_EXHAUSTED');
    put(connector('awaited'));
    assert.equal((await waiting).length, 1);
  });
});
