import assert from 'node:assert/strict';
import { jsonText } from '../../../src/shared/json.ts';
import type { JsonValue } from '../../../src/shared/json.ts';
import type { KubeClient } from '../../../src/shared/kube/kube-client.ts';
import { KubeError } from '../../../src/shared/kube/kube-error.ts';
import { Reflector } from '../../../src/shared/kube/reflector.ts';
import type { ReflectorTarget } from '../../../src/shared/kube/reflector.ts';
import { limits } from '../../../src/shared/limits/defaults.ts';
import { silentLog } from '../../../src/shared/log.ts';
import { KubeApi } from '../../support/kube-api/kube-api.ts';
import { adminConfig, connector, connectors, testClient } from '../../support/kube-client/test-client.ts';
import { eventually } from '../../support/poll.ts';
import { started } from '../../support/started.ts';

const never = new AbortController().signal;
const everything: ReflectorTarget = { type: connectors, admission: { maxObjectBytes: limits.objects.connectorBytes } };
const sized = (name: string, bytes: number): ReturnType<typeof connector> => connector(name, 'x'.repeat(bytes));
const tooLarge = /^connector team-a\/\S+ is larger than 64 KiB: make it smaller$/;

describe('a list that is read in pages', () => {
  let api: KubeApi;
  let client: KubeClient;

  beforeEach(async () => {
    api = started(await KubeApi.start());
    client = testClient(adminConfig(api));
  });

  async function reflect(target = everything): Promise<Reflector> {
    const reflector = started(new Reflector(client, target, silentLog));
    reflector.start();
    await reflector.state.waitUntilSynced(never);
    return reflector;
  }

  it('has as many objects as there are, and a page no more than its limit', async () => {
    for (let index = 0; index < 3000; index += 1) api.put(sized(`c-${index}`, 3000));
    const { state } = await reflect();
    assert.equal(state.objects.size, 3000);
    const lists = api.requestsOf({ verb: 'list' });
    const retried = lists.filter(({ query }, at) => at > 0 && query['continue'] === lists[at - 1]?.query['continue']);
    // The first page is too large, then the size of the objects is known.
    assert.equal(retried.length, 1);
    assert.ok(lists.length < 25, `${lists.length} requests`);
  });

  it('skips objects that are too large, by name, and reads the others at the usual pace', async () => {
    for (let index = 0; index < 600; index += 1) api.put(sized(`c-${index}`, 500));
    const large = Array.from({ length: 6 }, (_, index) => `c-3${index}-large`);
    for (const name of large) api.put(sized(name, 1.4 * 2 ** 20));
    const { state } = await reflect();
    assert.equal(state.objects.size, 600);
    assert.deepEqual(
      [...state.rejected.keys()],
      large.map((name) => `team-a/${name}`),
    );
    for (const error of state.rejected.values()) assert.match(error.message, tooLarge);
    assert.ok(api.count({ verb: 'list' }) < 100, `${api.count({ verb: 'list' })} requests`);
    api.put(sized('c-30-large', 500));
    await eventually('it is taken once it is smaller', () => state.objects.has('team-a/c-30-large'));
    api.put(sized('c-30-large', 1.4 * 2 ** 20));
    await eventually('it is skipped again', () => state.rejected.has('team-a/c-30-large'));
    api.delete('connectors', { namespace: 'team-a', name: 'c-30-large' });
    await eventually('it is gone', () => !state.rejected.has('team-a/c-30-large'));
    assert.equal(api.count({ verb: 'watch' }), 1, 'no event breaks the watch of all');
  });

  it('names an object whose metadata is too large, too', async () => {
    const labels = Object.fromEntries(Array.from({ length: 60_000 }, (_, index) => [`label-${index}`, 'value']));
    const { metadata, ...rest } = connector('labelled', 'a');
    api.put({ ...rest, metadata: { ...metadata, labels } });
    const { state } = await reflect();
    const error = state.rejected.get('team-a/labelled');
    assert.match(error?.message ?? '', /is larger than 64 KiB/);
  });

  it('is of one revision, from which the watch sees what changed meanwhile', async () => {
    for (let index = 0; index < 600; index += 1) api.put(connector(`c-${index}`, 'old'));
    api.faults.add({ verb: 'list', effect: { kind: 'delay', ms: 20 } });
    const reading = reflect();
    await eventually('the first page is read', () => api.count({ verb: 'list' }) === 2);
    api.put(connector('c-0', 'new'));
    api.put(connector('c-999', 'new'));
    api.delete('connectors', { namespace: 'team-a', name: 'c-1' });
    const { state } = await reading;
    const versionOf = (name: string): JsonValue | undefined => state.objects.get(`team-a/${name}`)?.['spec'];
    await eventually(
      'the changes have come',
      () => state.objects.has('team-a/c-999') && !state.objects.has('team-a/c-1'),
    );
    assert.equal(jsonText(versionOf('c-0'), 'address'), 'new');
    assert.equal(state.objects.size, 600);
  });

  it('starts again when the server no longer has its revision', async () => {
    for (let index = 0; index < 600; index += 1) api.put(connector(`c-${index}`, 'a'));
    api.faults.add({ verb: 'list', count: 2, effect: { kind: 'delay', ms: 20 } });
    const reading = reflect();
    await eventually('the first page is read', () => api.count({ verb: 'list' }) === 2);
    api.delete('connectors', { namespace: 'team-a', name: 'c-1' });
    api.compact();
    const { state } = await reading;
    assert.equal(state.objects.size, 599);
    const isFirst = api.requestsOf({ verb: 'list' }).map(({ query }) => query['continue'] === undefined);
    assert.deepEqual(isFirst, [true, false, true, false]);
    assert.deepEqual(
      api.requestsOf({ verb: 'list' }).map(({ code }) => code),
      [200, 410, 200, 200],
    );
  });

  it('repeats a page that fails, not the list', async () => {
    for (let index = 0; index < 600; index += 1) api.put(connector(`c-${index}`, 'a'));
    api.faults.add({ verb: 'list', count: 1, effect: { kind: 'delay', ms: 20 } });
    const reading = reflect();
    await eventually('the first page is asked for', () => api.count({ verb: 'list' }) === 1);
    api.faults.add({ verb: 'list', count: 2, effect: { kind: 'status', code: 503 } });
    const { state } = await reading;
    assert.equal(state.objects.size, 600);
    const isFirst = api.requestsOf({ verb: 'list' }).map(({ query }) => query['continue'] === undefined);
    assert.deepEqual(isFirst, [true, false, false, false]);
  });

  it('forgets what no page has, and keeps the others as they are', async () => {
    for (let index = 0; index < 600; index += 1) api.put(connector(`c-${index}`, 'a'));
    const reflector = await reflect();
    await eventually('the watch is open', () => api.openWatches() > 0);
    const kept = reflector.state.objects.get('team-a/c-5');
    api.faults.add({ verb: 'watch', count: 5, effect: { kind: 'status', code: 503 } });
    api.closeConnections();
    api.delete('connectors', { namespace: 'team-a', name: 'c-1' });
    api.compact();
    await eventually('it is gone', () => !reflector.state.objects.has('team-a/c-1'));
    assert.equal(reflector.state.objects.size, 599);
    assert.equal(reflector.state.objects.get('team-a/c-5'), kept);
  });

  it('of one name has no limit, and an event over the limit makes it read again', async () => {
    api.put(connector('git', 'a'));
    const { state } = await reflect({ ...everything, namespace: 'team-a', name: 'git' });
    await eventually('the watch is open', () => api.openWatches() > 0);
    api.put(sized('git', 1.4 * 2 ** 20));
    await eventually('it is skipped', () => state.rejected.has('team-a/git'));
    assert.match(state.rejected.get('team-a/git')?.message ?? '', tooLarge);
    assert.equal(state.objects.size, 0);
    assert.ok(api.requestsOf({ verb: 'list' }).every(({ query }) => query['limit'] === undefined));
    await eventually('the watch is open', () => api.openWatches() > 0);
    api.put(connector('git', 'b'));
    await eventually('it is taken once it is smaller', () => state.objects.has('team-a/git'));
  });

  it('is limited where all of it is read at once', async () => {
    for (let index = 0; index < 10; index += 1) api.put(sized(`c-${index}`, 1_000_000));
    await assert.rejects(client.list({ type: connectors }, {}, { signal: never }), (error) => {
      return error instanceof KubeError && error.reason === 'TooLarge';
    });
  });
});
