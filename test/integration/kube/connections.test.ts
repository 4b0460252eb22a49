import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ClusterConfig } from '../../../src/shared/kube/cluster-config.ts';
import { inClusterConfig } from '../../../src/shared/kube/load-cluster-config.ts';
import type { KubeClient } from '../../../src/shared/kube/kube-client.ts';
import { kubeconfigConfig } from '../../../src/shared/kube/kubeconfig.ts';
import type { KubeObserver } from '../../../src/shared/kube/observer.ts';
import { Reflector } from '../../../src/shared/kube/reflector.ts';
import { kubeTimings } from '../../../src/shared/kube/timings.ts';
import { limits } from '../../../src/shared/limits/defaults.ts';
import { silentLog } from '../../../src/shared/log.ts';
import { KubeApi } from '../../support/kube-api/kube-api.ts';
import { StallingProxy } from '../../support/kube-api/stalling-proxy.ts';
import { adminConfig, connector, connectors, testClient } from '../../support/kube-client/test-client.ts';
import { quickTimings } from '../../support/kube-client/quick-timings.ts';
import { eventually } from '../../support/poll.ts';
import { started } from '../../support/started.ts';

const never = new AbortController().signal;
const git = { type: connectors, namespace: 'team-a', name: 'git' };
const now = (): number => performance.now();

describe('the connections of the Kubernetes client', () => {
  let api: KubeApi;
  let folder: string;
  let client: KubeClient | undefined;
  let reflectors: Reflector[];

  beforeEach(async () => {
    api = started(await KubeApi.start());
    api.put(connector('git', 'a'));
    folder = mkdtempSync(path.join(tmpdir(), 'kube-client-'));
    reflectors = [];
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function use(config: ClusterConfig, options: Parameters<typeof testClient>[1] = {}): KubeClient {
    client = testClient(config, options);
    return client;
  }

  function watch(count: number): void {
    for (let index = 0; index < count; index += 1) {
      const reflector = started(new Reflector(client!, { ...git, name: `git-${index}` }, silentLog));
      reflectors.push(reflector);
      reflector.start();
    }
  }

  it('carries many watches and calls on one', async () => {
    use(adminConfig(api));
    watch(80);
    await eventually('all watches are open', () => api.openWatches() === 80);
    await Promise.all(Array.from({ length: 15 }, () => client!.get(git, { signal: never })));
    assert.equal(api.openConnections, 1);
  });

  it('opens another one when the server allows no more streams', async () => {
    api = started(await KubeApi.start({ maxConcurrentStreams: 10 }));
    api.put(connector('git', 'a'));
    use(adminConfig(api));
    watch(25);
    await eventually('all watches are open', () => api.openWatches() === 25);
    await client!.get(git, { signal: never });
    assert.ok(api.openConnections >= 3 && api.openConnections <= 5, `${api.openConnections} connections`);
  });

  it('opens no more than its limit', async () => {
    api = started(await KubeApi.start({ maxConcurrentStreams: 10 }));
    api.put(connector('git', 'a'));
    use(adminConfig(api), { limits: { ...limits.api, connections: 2 } });
    watch(60);
    await eventually('as many watches are open as fit', () => api.openWatches() >= 18);
    assert.equal(api.openConnections, 2);
    for (const reflector of reflectors.slice(0, 50)) reflector.stop();
    await eventually('the others have room now', () => api.openWatches() === 10);
  });

  it('sends no more requests at once than its limit, however many wait, and takes turns among namespaces', async () => {
    use(adminConfig(api), { limits: { ...limits.api, inFlight: 4 } });
    await client!.get(git, { signal: never });
    const slow = api.faults.add({ verb: 'get', effect: { kind: 'delay', ms: 5 } });
    const order: string[] = [];
    const ask = (namespace: string): Promise<unknown> =>
      client!.get(git, { signal: never, owner: { namespace, podUid: 'uid' } }).then(() => order.push(namespace));
    const all = [...Array.from({ length: 400 }, () => ask('many')), ask('few'), ask('few')];
    assert.equal(client!.load.used, 402);
    let most = 0;
    const inFlight = (): number => api.requests.filter(({ code }) => code === 0).length;
    while (order.length < 400) {
      most = Math.max(most, inFlight());
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await Promise.all(all);
    assert.ok(most > 1 && most <= 4, `${most} at once`);
    assert.ok(order.lastIndexOf('few') < 20, `the others waited for ${order.lastIndexOf('few')}`);
    slow.remove();
  });

  it('refuses what a namespace has beyond its share of those that wait', async () => {
    const refusals: string[] = [];
    use(adminConfig(api), {
      limits: { ...limits.api, inFlight: 1, waiting: 10 },
      load: { rejected: (bound, share, who) => void refusals.push(`${bound} ${share} ${who}`) },
    });
    const hanging = api.faults.add({ verb: 'get', effect: { kind: 'delay', ms: 300 } });
    const ask = (namespace: string): Promise<unknown> =>
      client!.get(git, { signal: never, owner: { namespace, podUid: 'uid' } });
    const first = Array.from({ length: 6 }, () => ask('many'));
    await assert.rejects(ask('many'), {
      name: 'CodedError',
      code: 'RESOURCE_EXHAUSTED',
      message: /^5 requests to the API server for pods of namespace "many" wait on this node already/,
    });
    hanging.remove();
    await Promise.all([...first, ask('few'), ask('few')]);
    assert.deepEqual(refusals, ['api_requests namespace many/uid']);
    assert.equal(client!.load.used, 0);
  });

  it('gives its turn back when the caller gives up', async () => {
    use(adminConfig(api), { limits: { ...limits.api, inFlight: 1 } });
    const hanging = api.faults.add({ verb: 'get', effect: { kind: 'hang' } });
    const leaving = new AbortController();
    const calls = [1, 2, 3].map(() => client!.get(git, { signal: leaving.signal }));
    await eventually('one is under way', () => hanging.hits === 1);
    hanging.remove();
    leaving.abort();
    await Promise.all(calls.map((call) => assert.rejects(call, { code: 'CANCELLED' })));
    await client!.get(git, { signal: never });
    assert.equal(client!.load.used, 0);
  });

  it('waits before another attempt at a connection for a time that is all chance, spread over seconds', async () => {
    const proxy = started(await StallingProxy.start(api.port));
    for (const [random, atLeastMs] of [
      [0, 0],
      [0.3, 300],
    ] as const) {
      const timings = { ...kubeTimings, retryBaseMs: 1, retryCapMs: 1 };
      use({ ...adminConfig(api), port: proxy.port }, { timings, clock: { now, random: () => random } });
      await client!.get(git, { signal: never });
      await api.goOffline();
      const before = proxy.accepted;
      const triedAt = performance.now();
      const asking = client!.get(git, { signal: never }).catch(() => undefined);
      await eventually('it has tried twice', () => proxy.accepted > before + 1);
      assert.ok(performance.now() - triedAt >= atLeastMs - 50);
      client!.close();
      await asking;
      await api.goOnline();
    }
    assert.ok(kubeTimings.dialBaseMs >= 1000 && kubeTimings.watchBaseMs >= 1000);
  });

  it('closes the additional ones when the busy time is over', async () => {
    api = started(await KubeApi.start({ maxConcurrentStreams: 10 }));
    use(adminConfig(api), { timings: { ...quickTimings, pingIntervalMs: 20 } });
    watch(25);
    await eventually('all watches are open', () => api.openWatches() === 25);
    for (const reflector of reflectors) reflector.stop();
    await eventually('one is left', () => api.openConnections === 1);
  });

  it('asks a server that is away once at a time, however many watches wait, and recovers', async () => {
    const proxy = started(await StallingProxy.start(api.port));
    use(
      { ...adminConfig(api), port: proxy.port },
      {
        timings: { ...quickTimings, dialBaseMs: 50, dialCapMs: 50 },
        clock: { now, random: () => 0.5 },
      },
    );
    watch(80);
    await eventually('all watches are open', () => api.openWatches() === 80);
    await api.goOffline();
    const before = proxy.accepted;
    const startedAt = Date.now();
    await eventually('it was asked a few times', () => proxy.accepted - before >= 8);
    // Timers can fire a millisecond early.
    assert.ok(Date.now() - startedAt >= 7 * 24 - 1);
    await api.goOnline();
    await eventually('all watches are open again', () => api.openWatches() === 80);
    assert.equal(api.openConnections, 1);
  });

  it('finds out that the other side has fallen silent, and moves to a new one', async () => {
    const proxy = started(await StallingProxy.start(api.port));
    const timings = { ...quickTimings, pingIntervalMs: 20, pingTimeoutMs: 300 };
    use({ ...adminConfig(api), port: proxy.port }, { timings });
    watch(3);
    await eventually('all watches are open', () => api.openWatches() === 3);
    proxy.stall();
    api.put(connector('git-1', 'b'));
    await eventually('the change has come through', () => reflectors[1]!.state.objects.size === 1);
    assert.ok(proxy.accepted >= 2);
  });

  it('moves the watches of one on which the server has said goodbye, which nobody would find dead', async () => {
    const proxy = started(await StallingProxy.start(api.port));
    const timings = { ...quickTimings, pingIntervalMs: 200, pingTimeoutMs: 300 };
    use({ ...adminConfig(api), port: proxy.port }, { timings });
    watch(3);
    await eventually('all watches are open', () => api.openWatches() === 3);
    api.sendGoaway();
    await eventually('it has heard', async () => {
      await client!.get(git, { signal: never });
      return proxy.accepted >= 2;
    });
    proxy.stall();
    api.put(connector('git-1', 'b'));
    await eventually('the change has come through', () => reflectors[1]!.state.objects.size === 1);
  });

  it('looks at once whether the other side is there when an answer does not come', async () => {
    const proxy = started(await StallingProxy.start(api.port));
    const timings = { ...quickTimings, attemptMs: 100, pingTimeoutMs: 100 };
    use({ ...adminConfig(api), port: proxy.port }, { timings });
    await client!.get(git, { signal: never });
    proxy.stall();
    // Long before the next ping that is due anyway.
    await client!.get(git, { signal: never, timeoutMs: 10_000 });
    assert.equal(proxy.accepted, 2);
  });

  it('follows the token file: by age before it is needed, and at once after a 401', async () => {
    api.bind({
      serviceAccount: 'connectors-system/connectors-csi',
      rules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }],
    });
    const files = api.writeInClusterFiles(folder, { namespace: 'connectors-system', name: 'connectors-csi' });
    let clockMs = 0;
    use(inClusterConfig(files, () => clockMs));
    const call = async (): Promise<readonly number[]> => {
      api.clearRequests();
      await client!.get(git, { signal: never });
      return api.requests.map(({ code }) => code);
    };
    assert.deepEqual(await call(), [200]);
    files.rotateToken();
    clockMs += 60_000;
    assert.deepEqual(await call(), [200]);
    files.rotateToken({ revokeOld: true });
    assert.deepEqual(await call(), [401, 200]);
    assert.equal(api.requests[1]!.user, 'system:serviceaccount:connectors-system:connectors-csi');
    assert.deepEqual(await call(), [200]);
    rmSync(files.tokenFile);
    clockMs += 60_000;
    assert.deepEqual(await call(), [200]);
  });

  it('gives up after one more 401', async () => {
    const files = api.writeInClusterFiles(folder, { namespace: 'system', name: 'csi' });
    use(inClusterConfig(files, now));
    api.faults.add({ effect: { kind: 'status', code: 401 } });
    files.rotateToken();
    await assert.rejects(client!.get(git, { signal: never }), { name: 'KubeError', code: 401, reason: 'Unauthorized' });
    assert.equal(api.requests.length, 2);
  });

  it('identifies itself by the token of a kubeconfig', async () => {
    const file = path.join(folder, 'config');
    api.writeKubeconfig(file, { name: 'jane', groups: ['developers'], namespace: 'team-a' });
    api.bind({ group: 'developers', rules: [{ verbs: ['get'], apiGroups: ['*'], resources: ['connectors'] }] });
    await use(kubeconfigConfig(file, now)).get(git, { signal: never });
    assert.equal(api.requests[0]!.user, 'jane');
  });

  it('reports each attempt to its observer', async () => {
    const told: string[] = [];
    const observer: KubeObserver = {
      request: (verb, resource, code, durationMs) => {
        assert.ok(durationMs >= 0);
        told.push(`${verb} ${resource} ${code}`);
      },
      watchRestart: (resource, reason) => told.push(`${resource} ${reason}`),
    };
    use(adminConfig(api), { observer });
    api.faults.add({ count: 1, effect: { kind: 'status', code: 503 } });
    api.faults.add({ count: 1, effect: { kind: 'reset' } });
    await client!.get(git, { signal: never });
    assert.deepEqual(told, ['get connectors 503', 'get connectors 0', 'get connectors 200']);
    told.length = 0;
    watch(1);
    await eventually('the watch is open', () => told.includes('watch connectors 200'));
    api.endWatches();
    await eventually('it was replaced', () => told.includes('connectors ended') || told.includes('connectors lost'));
  });
});
