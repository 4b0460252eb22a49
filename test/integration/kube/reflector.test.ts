import assert from 'node:assert/strict';
import type { JsonObject } from '../../../src/shared/json.ts';
import type { KubeClient } from '../../../src/shared/kube/kube-client.ts';
import { metadataText } from '../../../src/shared/kube/kube-object.ts';
import type { KubeObserver } from '../../../src/shared/kube/observer.ts';
import { Reflector } from '../../../src/shared/kube/reflector.ts';
import type { ReflectorTarget } from '../../../src/shared/kube/reflector.ts';
import { TokenBucket } from '../../../src/shared/limits/token-bucket.ts';
import { silentLog } from '../../../src/shared/log.ts';
import { KubeApi } from '../../support/kube-api/kube-api.ts';
import { adminConfig, configFor, connector, connectors, testClient } from '../../support/kube-client/test-client.ts';
import { quickTimings } from '../../support/kube-client/quick-timings.ts';
import { keptLog } from '../../support/log-lines.ts';
import { eventually } from '../../support/poll.ts';
import { started } from '../../support/started.ts';

const never = new AbortController().signal;
const team = { type: connectors, namespace: 'team-a' };

describe('a reflector', () => {
  let api: KubeApi;
  let client: KubeClient;
  let reflector: Reflector;
  let restarts: string[];
  /** `name@resourceVersion`, or `name gone`. */
  let seen: string[];

  const observer: KubeObserver = {
    request: () => undefined,
    watchRestart: (_resource, reason) => void restarts.push(reason),
  };

  beforeEach(async () => {
    api = started(await KubeApi.start());
    client = testClient(adminConfig(api), { observer });
    restarts = [];
    seen = [];
  });

  async function reflect(target: ReflectorTarget = team): Promise<void> {
    reflector = started(new Reflector(client, target, silentLog));
    reflector.state.onChange((key, object) =>
      seen.push(object ? `${key}@${metadataText(object, 'resourceVersion') ?? ''}` : `${key} gone`),
    );
    reflector.start();
    await reflector.state.waitUntilSynced(never);
    await connected();
  }
  const connected = (): Promise<void> =>
    eventually('the watch is open', () => reflector.state.error === undefined && api.openWatches() > 0);
  const addressOf = (name: string): unknown => {
    const spec = reflector.state.objects.get(`team-a/${name}`)?.['spec'] as JsonObject | undefined;
    return spec?.['address'];
  };
  const showsAddress = (name: string, address: string | undefined): Promise<void> =>
    eventually(`${name} has ${address ?? 'gone'}`, () => addressOf(name) === address);

  it('lists and then watches one object by its name, and sees it deleted and made again', async () => {
    api.put(connector('git', 'a'));
    api.put(connector('other', 'a'));
    await reflect({ ...team, name: 'git' });
    const first = reflector.state.objects.get('team-a/git');
    assert.deepEqual([...reflector.state.objects.keys()], ['team-a/git']);
    api.put(connector('other', 'b'));
    api.delete('connectors', { namespace: 'team-a', name: 'git' });
    const again = api.put(connector('git', 'b'));
    await showsAddress('git', 'b');
    const second = reflector.state.objects.get('team-a/git');
    assert.notEqual(metadataText(first!, 'uid'), metadataText(second!, 'uid'));
    assert.deepEqual(seen.slice(1), ['team-a/git gone', `team-a/git@${again.metadata.resourceVersion}`]);
    assert.deepEqual([api.count({ verb: 'list' }), api.count({ verb: 'watch' }), api.requests.length], [1, 1, 2]);
  });

  it('fills in the kind that lists of built-in objects leave out', async () => {
    api.put({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'flags', namespace: 'system' },
      data: { on: 'true' },
    });
    await reflect({ type: { apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps' }, namespace: 'system' });
    const object = reflector.state.objects.get('system/flags');
    assert.deepEqual([object?.['apiVersion'], object?.['kind']], ['v1', 'ConfigMap']);
  });

  it('waits for an object that does not exist yet', async () => {
    await reflect({ ...team, name: 'git' });
    const found = reflector.state.waitFor(() => reflector.state.objects.get('team-a/git'), never);
    api.put(connector('git', 'late'));
    assert.equal(metadataText(await found, 'name'), 'git');
    await assert.rejects(
      reflector.state.waitFor(() => undefined, AbortSignal.timeout(10)),
      { name: 'CodedError', code: 'CANCELLED' },
    );
  });

  it('resumes where it was when the server ends the watch, without listing and without doubling', async () => {
    api.put(connector('git', 'a'));
    await reflect();
    api.put(connector('git', 'b'));
    await showsAddress('git', 'b');
    const ends: (() => void)[] = [() => api.endWatches(), () => api.closeConnections(), () => api.sendGoaway()];
    for (const [turn, end] of ends.entries()) {
      end();
      api.put(connector('git', `c${turn}`));
      await showsAddress('git', `c${turn}`);
      await connected();
    }
    assert.equal(api.count({ verb: 'list' }), 1);
    assert.equal(seen.length, new Set(seen).size);
    assert.equal(seen.length, 5);
    // How the end of a broken connection reaches the client differs: as a reset, or as the end of the stream.
    assert.equal(restarts[0], 'ended');
    assert.ok(
      restarts.every((reason) => reason === 'ended' || reason === 'lost'),
      restarts.join(),
    );
  });

  it('resumes from the last bookmark when nothing that it watches has changed for long', async () => {
    await reflect({ ...team, name: 'git' });
    for (let change = 0; change < 10; change += 1) api.advanceRevision();
    api.put(connector('unrelated', 'a'));
    api.sendBookmarks();
    const reached = api.revision;
    // Answered on the same connection, so the bookmark is there before them.
    for (let turn = 0; turn < 3; turn += 1) await client.get({ ...team, name: 'unrelated' }, { signal: never });
    api.compact();
    api.closeConnections();
    api.put(connector('git', 'a'));
    await showsAddress('git', 'a');
    assert.equal(api.requestsOf({ verb: 'watch' })[1]?.query['resourceVersion'], reached);
    assert.equal(api.count({ verb: 'list' }), 1);
  });

  for (const goneAs of ['event', 'status'] as const) {
    it(`lists anew when the history is gone, told as ${goneAs}`, async () => {
      api = started(await KubeApi.start({ goneAs }));
      client = testClient(adminConfig(api), { observer });
      for (const name of ['kept', 'changed', 'deleted']) api.put(connector(name, 'a'));
      await reflect();
      const kept = reflector.state.objects.get('team-a/kept');
      const hole = api.faults.add({ verb: 'watch', effect: { kind: 'status', code: 503 } });
      api.closeConnections();
      await eventually('a watch has failed', () => hole.hits > 0);
      api.put(connector('changed', 'b'));
      api.delete('connectors', { namespace: 'team-a', name: 'deleted' });
      api.put(connector('new', 'b'));
      api.compact();
      seen = [];
      hole.remove();
      await showsAddress('new', 'b');
      await connected();
      assert.equal(reflector.state.objects.get('team-a/kept'), kept);
      assert.deepEqual(seen.map((entry) => entry.split('@')[0]).sort(), [
        'team-a/changed',
        'team-a/deleted gone',
        'team-a/new',
      ]);
    });
  }

  it('reads events that are cut anywhere, many at once, and large', async () => {
    api.faults.add({ verb: 'watch', count: 1, effect: { kind: 'chunk', bytes: 7 } });
    await reflect();
    api.put(connector('small', 'Grüße — 🎉🎉🎉'));
    await showsAddress('small', 'Grüße — 🎉🎉🎉');
    api.closeConnections();
    const large = 'ü'.repeat(500_000);
    for (let count = 0; count < 50; count += 1) api.put(connector(`many-${count}`, 'x'));
    api.put(connector('large', large));
    await showsAddress('large', large);
    assert.equal(reflector.state.objects.size, 52);
    assert.equal(api.count({ verb: 'list' }), 1);
  });

  it('drops a half event and gets it whole from the next watch', async () => {
    await reflect();
    for (const how of ['end', 'connection', 'stream'] as const) {
      api.faults.add({ verb: 'watch', count: 1, effect: { kind: 'cut', afterBytes: 100, how } });
      api.endWatches();
      await eventually('the watch is open again', () => api.openWatches() > 0);
      api.put(connector('git', how));
      await showsAddress('git', how);
    }
    assert.equal(seen.length, 3);
  });

  it('survives garbage in the stream', async () => {
    await reflect();
    for (const body of [
      'moo\n',
      '{"type":"ADDED","object":{}}\n',
      '{"type":"BOOKMARK"}\n',
      '[]\n',
      '{"type":"ERROR"}\n',
    ]) {
      api.faults.add({ verb: 'watch', count: 1, effect: { kind: 'garbage', body } });
      api.endWatches();
      api.put(connector('git', body));
      await showsAddress('git', body);
      await connected();
    }
  });

  it('takes nothing but the object that it was asked for, whatever the server sends', async () => {
    const strangers = [connector('other', 'a'), connector('git', 'a')].map(({ metadata, ...rest }, index) => ({
      ...rest,
      metadata: { ...metadata, namespace: index === 0 ? 'team-a' : 'team-b', resourceVersion: '1' },
    }));
    const list = { kind: 'ConnectorList', metadata: { resourceVersion: '1' }, items: strangers };
    const events = strangers.map((object) => `${JSON.stringify({ type: 'ADDED', object })}\n`);
    api.put(connector('unrelated', 'a'));
    api.faults.add({ verb: 'list', count: 1, effect: { kind: 'garbage', body: JSON.stringify(list) } });
    api.faults.add({ verb: 'watch', count: 1, effect: { kind: 'garbage', body: events.join('') } });
    await reflect({ ...team, name: 'git' });
    api.put(connector('git', 'b'));
    await showsAddress('git', 'b');
    assert.deepEqual([...reflector.state.objects.keys()], ['team-a/git']);
    assert.equal(seen.length, 1);
  });

  it('does not stay away for as long as a server may ask', async () => {
    api.faults.add({ verb: 'list', count: 1, effect: { kind: 'status', code: 429, retryAfterSeconds: 3600 } });
    await reflect();
    assert.equal(api.count({ verb: 'list' }), 2);
  });

  it('pauses when a server ends each watch after a moment, though it sends something', async () => {
    client = testClient(adminConfig(api), {
      observer,
      timings: { ...quickTimings, watchBaseMs: 60, watchCapMs: 60 },
      clock: { now: () => performance.now(), random: () => 0.5 },
    });
    const body = `${JSON.stringify({ type: 'BOOKMARK', object: { metadata: { resourceVersion: api.revision } } })}\n`;
    const ending = api.faults.add({ verb: 'watch', effect: { kind: 'garbage', body } });
    reflector = started(new Reflector(client, team, silentLog));
    reflector.start();
    await eventually('a few watches have ended', () => ending.hits >= 4);
    const times = api.requestsOf({ verb: 'watch' }).map(({ at }) => at);
    // Both ends are whole milliseconds.
    times.slice(1).forEach((at, index) => assert.ok(at - times[index]! >= 28, times.join()));
  });

  it('comes back within a moment of its own when a server that stops ends all watches at once', async () => {
    for (const share of [0.5, 0]) {
      client = testClient(adminConfig(api), {
        timings: { ...quickTimings, watchHealthyMs: 0, watchBaseMs: 200 },
        clock: { now: () => performance.now(), random: () => share },
      });
      await reflect();
      const endedAt = Date.now();
      api.clearRequests();
      api.endWatches();
      await eventually('it is back', () => api.count({ verb: 'watch' }) === 1);
      assert.ok(api.requests[0]!.at - endedAt >= share * 200 - 2);
      reflector.stop();
    }
  });

  it('gives up a watch that has fallen silent', async () => {
    client = testClient(adminConfig(api), {
      observer,
      timings: { ...quickTimings, watchIdleMs: 40, watchHealthyMs: 30 },
    });
    await reflect();
    await eventually('two watches were replaced', () => restarts.filter((reason) => reason === 'lost').length >= 2);
    api.put(connector('git', 'a'));
    await showsAddress('git', 'a');
    assert.equal(api.count({ verb: 'list' }), 1);
  });

  describe('of a server that was restored from a backup', () => {
    /** A watch is silent soon, and has lived long enough by then to be no failure. */
    const timings = { ...quickTimings, watchIdleMs: 80, watchConfirmedMs: 50, watchHealthyMs: 30 };
    beforeEach(() => {
      client = testClient(adminConfig(api), { observer, timings });
      api.put(connector('git', 'old'));
    });

    it('lists anew, since a watch from a revision that is not there yet is accepted and stays silent', async () => {
      await reflect();
      const backup = api.backup();
      api.put(connector('git', 'new'));
      api.put(connector('made-since', 'a'));
      await showsAddress('made-since', 'a');
      for (let count = 0; count < 1000; count += 1) api.advanceRevision();
      api.sendBookmarks();
      api.restore(backup);
      await showsAddress('git', 'old');
      assert.equal(reflector.state.objects.size, 1);
      api.put(connector('git', 'newer'));
      await showsAddress('git', 'newer');
    });

    it('sees that a revision which it knows is that of another change', async () => {
      await reflect();
      const backup = api.backup();
      api.put(connector('git', 'before the restore'));
      await showsAddress('git', 'before the restore');
      const known = reflector.state.objects.get('team-a/git')!;
      api.restore(backup);
      const { metadata } = api.put(connector('git', 'after the restore'));
      assert.equal(metadata.resourceVersion, metadataText(known, 'resourceVersion'));
      await showsAddress('git', 'after the restore');
    });

    it('tells how long ago the server said that it is so', async () => {
      await reflect({ ...team, name: 'git' });
      const confirmedMs = reflector.state.confirmedAtMs!;
      assert.ok(confirmedMs <= performance.now());
      await eventually('a bookmark confirms it', () => {
        api.sendBookmarks();
        return reflector.state.confirmedAtMs! > confirmedMs;
      });
    });
  });

  describe('of objects that change without end', () => {
    it('leaves the watch when more comes than may, and has the newest state when time has paid for it', async () => {
      const rateLimiter = new TokenBucket({ burst: 50_000, everyMs: 1 / 100 }, () => performance.now());
      await reflect({ ...team, name: 'git', rateLimiter });
      const startMs = performance.now();
      for (let count = 0; count < 300; count += 1) {
        api.put(connector('git', `${count} ${'x'.repeat(5000)}`));
        if (count % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      await eventually('it has the newest', () => String(addressOf('git')).startsWith('299 '), 30_000);
      assert.ok(restarts.includes('throttled'), restarts.join());
      const paidFor = (50_000 + 100 * (performance.now() - startMs)) / 5000;
      // The bucket can be overdrawn by what one read of the connection brings.
      assert.ok(seen.length < 40 + paidFor, `${seen.length} of 300 states were parsed`);
    });
  });

  it('gives up a watch whose answer never begins', async () => {
    client = testClient(adminConfig(api), { observer, timings: { ...quickTimings, attemptMs: 200 } });
    const hanging = api.faults.add({ verb: 'watch', count: 1, effect: { kind: 'hang' } });
    await reflect();
    assert.equal(hanging.hits, 1);
    assert.deepEqual([...new Set(restarts)], ['lost']);
  });

  for (const verb of ['list', 'watch']) {
    it(`takes a ${verb} whose answer never begins for a failure, however long it has waited for it`, async () => {
      client = testClient(adminConfig(api), { timings: { ...quickTimings, attemptMs: 40, watchHealthyMs: 30 } });
      const { log, lines } = keptLog('warn');
      const hanging = api.faults.add({ verb, effect: { kind: 'hang' } });
      reflector = started(new Reflector(client, team, log));
      reflector.start();
      await eventually('five have failed', () => hanging.hits > 5);
      assert.equal(lines.length, 1);
      assert.match(lines[0]!, /"attempt":3,.*"msg":"Watch failing"/);
      hanging.remove();
      await connected();
      // The history of a server that comes back may be another one.
      if (verb === 'watch') assert.ok(api.count({ verb: 'list' }) > 1);
    });
  }

  it('tells who waits when the server refuses, and goes on once it allows', async () => {
    client = testClient(configFor(api, api.tokenFor('nobody')), { observer });
    reflector = started(new Reflector(client, team, silentLog));
    reflector.start();
    await assert.rejects(reflector.state.waitUntilSynced(never), { name: 'KubeError', code: 403 });
    assert.equal(reflector.state.isSynced, false);
    api.bind({ user: 'nobody', rules: [{ verbs: ['list', 'watch'], apiGroups: ['*'], resources: ['connectors'] }] });
    await eventually('it is in step', () => reflector.state.isSynced && api.openWatches() > 0);
    assert.equal(reflector.state.error, undefined);
  });

  it('keeps what it has while the server is away, and catches up', async () => {
    api.put(connector('git', 'a'));
    await reflect();
    await api.goOffline();
    await eventually('it has noticed', () => reflector.state.error !== undefined);
    assert.equal(addressOf('git'), 'a');
    api.put(connector('git', 'b'));
    await api.goOnline();
    await showsAddress('git', 'b');
    await connected();
  });

  it('does not take the end of a healthy watch for a server that is away', async () => {
    api.put(connector('git', 'a'));
    await reflect();
    api.put(connector('git', 'b'));
    await showsAddress('git', 'b');
    const errors = new Set<unknown>();
    const looking = reflector.state.waitFor(() => void errors.add(reflector.state.error), never);
    api.closeConnections();
    await eventually('the watch has begun again', () => restarts.length > 0 && api.openWatches() > 0);
    reflector.stop();
    await assert.rejects(looking, { code: 'CANCELLED' });
    assert.deepEqual([...errors], [undefined]);
  });

  it('stops for good', async () => {
    await reflect();
    const waiting = reflector.state.waitFor(() => undefined, never);
    reflector.stop();
    await assert.rejects(waiting, { name: 'CodedError', code: 'CANCELLED' });
    await eventually('the watch is closed', () => api.openWatches() === 0);
    api.put(connector('git', 'a'));
    assert.equal(reflector.state.objects.size, 0);
  });
});
