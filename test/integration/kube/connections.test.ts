import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { jsonMember } from '../../../src/json.js';
import type { ClusterConfig } from '../../../src/kube/cluster-config.js';
import { inClusterConfig } from '../../../src/kube/in-cluster.js';
import type { KubeClient } from '../../../src/kube/kube-client.js';
import { kubeconfigConfig } from '../../../src/kube/kubeconfig.js';
import type { KubeObserver } from '../../../src/kube/observer.js';
import { Reflector } from '../../../src/kube/reflector.js';
import { silentLog } from '../../../src/log.js';
import { KubeApi } from '../../support/kube-api/kube-api.js';
import { StallingProxy } from '../../support/kube-api/stalling-proxy.js';
import { adminConfig, connector, connectors, quickTimings, testClient } from '../../support/kube-client/test-client.js';
import { eventually } from '../../support/poll.js';

const never = new AbortController().signal;
const git = { type: connectors, namespace: 'team-a', name: 'git' };
const now = (): number => performance.now();

describe('the connections of the Kubernetes client', () => {
  let api: KubeApi;
  let folder: string;
  let client: KubeClient | undefined;
  let reflectors: Reflector[];

  beforeEach(async () => {
    api = await KubeApi.start();
    api.put(connector('git', 'a'));
    folder = mkdtempSync(path.join(tmpdir(), 'kube-client-'));
    reflectors = [];
  });
  afterEach(async () => {
    for (const reflector of reflectors) reflector.stop();
    client?.close();
    await api.stop();
    rmSync(folder, { recursive: true });
  });

  function use(config: ClusterConfig, options: Parameters<typeof testClient>[1] = {}): KubeClient {
    client = testClient(config, options);
    return client;
  }

  function watch(count: number): void {
    for (let index = 0; index < count; index += 1) {
      const reflector = new Reflector(client!, { ...git, name: `git-${index}` }, silentLog);
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

  it('opens another one when the server allows no more streams, and keeps some streams for calls', async () => {
    await api.stop();
    api = await KubeApi.start({ maxConcurrentStreams: 10 });
    api.put(connector('git', 'a'));
    use(adminConfig(api));
    watch(25);
    await eventually('all watches are open', () => api.openWatches() === 25);
    await client!.get(git, { signal: never });
    assert.ok(api.openConnections >= 3 && api.openConnections <= 5, `${api.openConnections} connections`);
  });

  it('closes the additional ones when the busy time is over', async () => {
    await api.stop();
    api = await KubeApi.start({ maxConcurrentStreams: 10 });
    use(adminConfig(api), { timings: { ...quickTimings, pingIntervalMs: 20 } });
    watch(25);
    await eventually('all watches are open', () => api.openWatches() === 25);
    for (const reflector of reflectors) reflector.stop();
    await eventually('one is left', () => api.openConnections === 1);
  });

  it('asks a server that is away once at a time, however many watches wait, and recovers', async () => {
    const proxy = await StallingProxy.start(api.port);
    try {
      use({ ...adminConfig(api), port: proxy.port }, { timings: { ...quickTimings, retryBaseMs: 50, retryCapMs: 50 } });
      watch(80);
      await eventually('all watches are open', () => api.openWatches() === 80);
      await api.goOffline();
      const before = proxy.accepted;
      const startedAt = Date.now();
      await eventually('it was asked a few times', () => proxy.accepted - before >= 8);
      // Each attempt is at least half of the delay after the last one.
      assert.ok(Date.now() - startedAt >= 7 * 25);
      await api.goOnline();
      await eventually('all watches are open again', () => api.openWatches() === 80);
      assert.equal(api.openConnections, 1);
    } finally {
      await proxy.stop();
    }
  });

  it('finds out that the other side has fallen silent, and moves to a new one', async () => {
    const proxy = await StallingProxy.start(api.port);
    try {
      const timings = { ...quickTimings, pingIntervalMs: 20, pingTimeoutMs: 300 };
      use({ ...adminConfig(api), port: proxy.port }, { timings });
      watch(3);
      await eventually('all watches are open', () => reflectors.every(({ state }) => state.isConnected));
      proxy.stall();
      api.put(connector('git-1', 'b'));
      await eventually('the change has come through', () => reflectors[1]!.state.objects.size === 1);
      assert.ok(proxy.accepted >= 2);
    } finally {
      await proxy.stop();
    }
  });

  it('looks at once whether the other side is there when an answer does not come', async () => {
    const proxy = await StallingProxy.start(api.port);
    try {
      const timings = { ...quickTimings, attemptMs: 100, pingTimeoutMs: 100 };
      use({ ...adminConfig(api), port: proxy.port }, { timings });
      await client!.get(git, { signal: never });
      proxy.stall();
      // Long before the next ping that is due anyway.
      await client!.get(git, { signal: never, timeoutMs: 10_000 });
      assert.equal(proxy.accepted, 2);
    } finally {
      await proxy.stop();
    }
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

  it('keeps watches going while tokens rotate under them', async () => {
    api.bind({
      serviceAccount: 'system/csi',
      rules: [{ verbs: ['list', 'watch'], apiGroups: ['*'], resources: ['*'] }],
    });
    const files = api.writeInClusterFiles(folder, { namespace: 'system', name: 'csi' });
    use(inClusterConfig(files, now));
    watch(5);
    await eventually('all watches are open', () => api.openWatches() === 5);
    // Fewer breaks than make a reflector that has seen no event list anew.
    for (let turn = 0; turn < 3; turn += 1) {
      files.rotateToken({ revokeOld: true });
      api.closeConnections();
      api.put(connector('git-3', `turn-${turn}`));
      await eventually('the change has come through', () => {
        const spec = jsonMember(reflectors[3]!.state.objects.get('team-a/git-3'), 'spec');
        return jsonMember(spec, 'address') === `turn-${turn}`;
      });
    }
    assert.equal(api.count({ verb: 'list' }), 5);
  });

  it('gives up after one more 401', async () => {
    const files = api.writeInClusterFiles(folder, { namespace: 'system', name: 'csi' });
    use(inClusterConfig(files, now));
    api.faults.add({ effect: { kind: 'status', code: 401 } });
    files.rotateToken();
    await assert.rejects(client!.get(git, { signal: never }), { name: 'KubeError', code: 401, reason: 'Unauthorized' });
    assert.equal(api.requests.length, 2);
  });

  for (const credential of ['token', 'client-certificate'] as const) {
    it(`identifies itself by the ${credential} of a kubeconfig`, async () => {
      const file = path.join(folder, 'config');
      api.writeKubeconfig(file, { name: 'jane', groups: ['developers'], namespace: 'team-a' }, credential);
      api.bind({ group: 'developers', rules: [{ verbs: ['get'], apiGroups: ['*'], resources: ['connectors'] }] });
      const config = kubeconfigConfig(file, now);
      assert.equal(config.namespace, 'team-a');
      await use(config).get(git, { signal: never });
      assert.equal(api.requests[0]!.user, 'jane');
    });
  }

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
