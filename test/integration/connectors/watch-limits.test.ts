import assert from 'node:assert/strict';
import { KubernetesConnectors } from '../../../src/driver/connectors/kubernetes-connectors.ts';
import type { ConnectorRef, ResolvedConnector } from '../../../src/shared/connectors/model.ts';
import type { JsonObject } from '../../../src/shared/json.ts';
import type { KubeClient } from '../../../src/shared/kube/kube-client.ts';
import type { PublishSlot } from '../../../src/driver/publish/ports.ts';
import type { Owner } from '../../../src/shared/limits/owner.ts';
import { silentLog } from '../../../src/shared/log.ts';
import { connector, connectorClass } from '../../support/driver/manifests.ts';
import { failureOf } from '../../support/failure.ts';
import { KubeApi } from '../../support/kube-api/kube-api.ts';
import type { KubeObject } from '../../support/kube-api/resources.ts';
import { adminConfig, testClient } from '../../support/kube-client/test-client.ts';
import { eventually } from '../../support/poll.ts';
import { started } from '../../support/started.ts';

const pod = (name: string, namespace = 'ci'): Owner => ({ namespace, podUid: `uid-of-${name}` });
const first = pod('first');
const named = (name: string, namespace = 'ci'): ConnectorRef => ({ namespace, name });

describe('the objects that a node watches', () => {
  let api: KubeApi;
  let client: KubeClient;
  let source: KubernetesConnectors;
  let refusals: string[];

  beforeEach(async () => {
    api = started(await KubeApi.start());
    client = testClient(adminConfig(api));
    refusals = [];
    put(connectorClass('oci'));
  });

  function put(object: unknown): void {
    api.put(object as KubeObject);
  }

  function start({ maxCount = 1000, maxBytes = 32 << 20, notFoundWaitMs = 0 }): void {
    source = started(
      new KubernetesConnectors({
        client,
        namespace: 'connectors-system',
        notFoundWaitMs,
        watchLimits: { idleMs: 300_000, sweepMs: 60_000, maxCount, maxBytes },
        observer: { rejected: (bound, share, who) => void refusals.push(`${bound} ${share} ${who}`) },
        clock: { now: () => Date.now() },
        log: silentLog,
      }),
    );
    source.start();
  }

  function resolve(name: string, owner = first, namespace = 'ci'): Promise<readonly ResolvedConnector[]> {
    const call: PublishSlot = { owner, signal: new AbortController().signal, releaseWhile: (wait) => wait() };
    return source.resolve([named(name, namespace)], call);
  }

  /** Resolves it for a volume of its own, which keeps it. */
  async function use(name: string, owner: Owner, namespace = 'ci'): Promise<void> {
    await resolve(name, owner, namespace);
    source.retain(`${namespace}/${name} of ${owner.podUid}`, [named(name, namespace)], owner);
  }

  async function clockMovesOn(): Promise<void> {
    const now = Date.now();
    await eventually('the clock has moved on', () => Date.now() > now);
  }

  it('do not grow with the names that pods make up', async () => {
    start({ maxCount: 4 });
    for (let index = 0; index < 20; index += 1) {
      assert.equal((await failureOf(resolve(`made-up-${index}`))).code, 'NOT_FOUND');
    }
    assert.equal(source.load().watches.used, 4);
    await eventually('the others are closed', () => api.openWatches('connectors') <= 4);
  });

  it('are given up from the one that has been unused for longest, and never while a volume uses it', async () => {
    start({ maxCount: 4 });
    for (const name of ['used', 'early', 'late', 'later', 'next']) put(connector(name));
    await use('used', first);
    for (const name of ['early', 'late', 'later']) {
      await resolve(name, pod(name));
      await clockMovesOn();
    }
    await resolve('next', pod('next'));
    const kept = ['used', 'early', 'late', 'later', 'next'].filter((name) => source.peek([named(name)]) !== undefined);
    assert.deepEqual(kept, ['used', 'late', 'later', 'next']);
  });

  it('are refused to a pod that has its share, and to no other', async () => {
    start({ maxCount: 40 });
    for (let index = 0; index < 30; index += 1) put(connector(`c-${index}`));
    for (let index = 0; index < 10; index += 1) await use(`c-${index}`, first);
    const refused = await failureOf(resolve('c-10'));
    assert.equal(refused.code, 'RESOURCE_EXHAUSTED');
    assert.match(
      refused.message,
      /^connector ci\/c-10 cannot be read: this pod uses 10 others already, its share of the 40 /,
    );
    await use('c-10', pod('second'));
    // What is watched already costs nobody anything.
    await use('c-10', first);
    source.release('ci/c-0 of uid-of-first');
    source.release('ci/c-1 of uid-of-first');
    source.release('ci/c-10 of uid-of-first');
    await use('c-11', first);
    assert.deepEqual(refusals, ['watches pod ci/uid-of-first']);
  });

  it('are refused alike, whether the pods of other namespaces use them or not', async () => {
    start({ maxCount: 40 });
    for (let index = 0; index < 10; index += 1) put(connector(`c-${index}`));
    put(connector('used', { namespace: 'other' }));
    put(connector('unused', { namespace: 'other' }));
    await use('used', pod('theirs', 'other'), 'other');
    for (let index = 0; index < 9; index += 1) await use(`c-${index}`, first);
    const [used, unused] = await Promise.all(
      ['used', 'unused'].map((name) =>
        failureOf(Promise.resolve().then(() => source.acquire([named(name, 'other')], first))),
      ),
    );
    assert.equal(used?.code, 'RESOURCE_EXHAUSTED');
    assert.equal(used.message, unused?.message.replace('/unused', '/used'));
  });

  it('are taken for all connectors of a volume or for none of them, before anything is asked', async () => {
    start({ maxCount: 40 });
    const names = (from: number, count: number): ConnectorRef[] =>
      Array.from({ length: count }, (_, index) => named(`c-${from + index}`));
    const giveBack = source.acquire(names(0, 6), first);
    const refused = await failureOf(Promise.resolve().then(() => source.acquire(names(6, 5), first)));
    assert.equal(refused.code, 'RESOURCE_EXHAUSTED');
    assert.match(
      refused.message,
      /^connector ci\/c-6 cannot be read: it is one of 5 that are needed at once, and this pod uses 6 others already, which together is more than its share of the 40 /,
    );
    source.acquire(names(6, 4), first)();
    source.acquire(names(6, 8), pod('second'))();
    giveBack();
    // What is in memory takes no share.
    for (const name of ['c-0', 'c-1', 'c-2']) {
      put(connector(name));
      await use(name, first);
    }
    source.acquire(names(0, 10), first)();
    assert.equal(source.load().watches.used, 3);
    assert.deepEqual(refusals, ['watches pod ci/uid-of-first']);
  });

  it('are refused to a namespace that has its share, while another finds room', async () => {
    start({ maxCount: 40 });
    put(connector('harbor', { namespace: 'other' }));
    for (let index = 0; index < 30; index += 1) put(connector(`c-${index}`));
    let refused = 0;
    for (let index = 0; index < 30; index += 1) {
      // Each of another pod, whose own share it is not.
      await use(`c-${index}`, pod(`pod-${index}`)).catch((error: unknown) => {
        assert.match(
          String(error),
          /ci\/c-\d+ cannot be read: the pods of namespace "ci" use 20 others on this node already/,
        );
        refused += 1;
      });
    }
    assert.equal(refused, 10);
    await use('harbor', pod('other', 'other'), 'other');
  });

  it('are left to a namespace that uses none, when ten others have taken all that they can', async () => {
    start({ maxCount: 128 });
    let namespace = 0;
    for (let index = 0; namespace < 10; index += 1) {
      put(connector(`c-${index}`));
      // Each of another pod, whose own share it is not.
      const owner = pod(`pod-${index}`, `team-${namespace}`);
      await use(`c-${index}`, owner).catch(() => (namespace += 1));
    }
    for (const name of ['late-1', 'late-2']) {
      put(connector(name));
      await use(name, pod('late', 'late'));
    }
  });

  it('are not taken from a publish that still waits for its object', async () => {
    start({ maxCount: 1, notFoundWaitMs: 60_000 });
    const waiting = resolve('awaited');
    await eventually('it is watched', () => api.openWatches('connectors') === 1);
    const refused = await failureOf(resolve('other', pod('other', 'other')));
    assert.equal(refused.code, 'RESOURCE_EXHAUSTED');
    assert.match(refused.message, /the pods of this node use 1 others already/);
    put(connector('awaited'));
    assert.equal((await waiting).length, 1);
  });

  describe('in memory', () => {
    const junk = (kib: number): JsonObject => ({ junk: Array.from({ length: (kib << 10) / 3 }, () => ({})) });
    const large = (name: string, kib: number, namespace = 'ci'): JsonObject => {
      const object = connector(name, { namespace });
      return { ...object, spec: { ...(object['spec'] as JsonObject), ...junk(kib) } };
    };

    it('are not parsed beyond their size, and only who uses one hears of it', async () => {
      start({});
      put(large('huge', 1300));
      put(connector('harbor'));
      const refused = await failureOf(resolve('huge'));
      assert.equal(refused.code, 'FAILED_PRECONDITION');
      assert.equal(refused.message, 'connector ci/huge is larger than 64 KiB: make it smaller');
      assert.equal((await resolve('harbor')).length, 1);
      assert.equal(source.load().cached_object_bytes.used < 64 << 10, true);
      put(connector('huge'));
      await eventually('it is taken when it has become smaller', async () => {
        await resolve('huge').catch(() => undefined);
        return source.peek([named('huge')]) !== undefined;
      });
      put(large('huge', 70));
      await eventually('and no more when it is large again', () => source.peek([named('huge')]) === undefined);
      assert.equal((await failureOf(resolve('huge'))).code, 'FAILED_PRECONDITION');
    });

    it('are counted by what they take, up to the share of their namespace', async () => {
      start({ maxBytes: 8 << 20 });
      put(connector('harbor', { namespace: 'other' }));
      for (let index = 0; index < 8; index += 1) put(large(`c-${index}`, 40));
      const codes: string[] = [];
      for (let index = 0; index < 8; index += 1) {
        await use(`c-${index}`, pod(`pod-${index}`)).catch((error: unknown) => {
          codes.push(String((error as { code: unknown }).code));
          assert.match(
            String(error),
            /takes 8\d\d KiB in memory, and the objects of namespace "ci" that this node uses/,
          );
        });
      }
      assert.ok(codes.length >= 4 && codes.every((code) => code === 'RESOURCE_EXHAUSTED'), codes.join());
      assert.ok(source.load().cached_object_bytes.used <= 4 << 20);
      assert.equal(refusals.length, codes.length);
      await use('harbor', pod('other', 'other'), 'other');
      // What becomes free is given to who comes back.
      for (let index = 0; index < 8; index += 1) source.release(`ci/c-${index} of uid-of-pod-${index}`);
      await use('c-7', pod('pod-7'));
    });

    it('give up what nobody uses before anything is refused', async () => {
      start({ maxBytes: 8 << 20 });
      for (let index = 0; index < 8; index += 1) put(large(`c-${index}`, 40));
      for (let index = 0; index < 8; index += 1) await resolve(`c-${index}`);
      assert.deepEqual(refusals, []);
      assert.ok(source.load().watches.used < 8);
    });
  });
});
