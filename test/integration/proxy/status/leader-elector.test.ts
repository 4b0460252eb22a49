import assert from 'node:assert/strict';
import type { KubeClient } from '../../../../src/shared/kube/kube-client.ts';
import { silentLog } from '../../../../src/shared/log.ts';
import { LeaderElector } from '../../../../src/proxy/status/leader-elector.ts';
import type { LeaseTimings } from '../../../../src/proxy/status/leader-elector.ts';
import { KubeApi } from '../../../support/kube-api/kube-api.ts';
import { adminConfig, testClient } from '../../../support/kube-client/test-client.ts';
import { eventually } from '../../../support/poll.ts';
import { started } from '../../../support/started.ts';

const name = { namespace: 'connectors-system', name: 'connectors-proxy-service' };

const longTimings = { durationMs: 60_000, renewDeadlineMs: 40_000, intervalMs: 10, callMs: 5_000 };

interface Replica {
  readonly lease: LeaderElector;
  readonly client: KubeClient;
}

describe('the Lease', function () {
  this.timeout(60_000);

  let api: KubeApi;
  /** What a clock that is never set says; tests move it for all replicas alike. */
  let aheadMs = 0;
  let replicas: Replica[] = [];
  let history: string[] = [];

  const replica = (identity: string, timings: LeaseTimings = longTimings): Replica => {
    const now = (): number => performance.now() + aheadMs;
    const client = testClient(adminConfig(api), { clock: { now, random: Math.random } });
    const lease = started(
      new LeaderElector({
        client,
        ...name,
        identity,
        timings,
        clock: { now: Date.now },
        onStartedLeading: () => history.push(`${identity} begins`),
        onStoppedLeading: () => history.push(`${identity} ends`),
        log: silentLog,
      }),
    );
    lease.start();
    const made = { lease, client };
    replicas.push(made);
    return made;
  };
  const spec = (): Record<string, unknown> => (api.get('leases', name)?.['spec'] ?? {}) as Record<string, unknown>;
  const isHeldBy = (identity: string): Promise<void> =>
    eventually(`${identity} holds it`, () => history.at(-1) === `${identity} begins`, 30_000);
  const looks = async (times: number): Promise<void> => {
    const before = api.count({ resource: 'leases' });
    await eventually('it is looked at', () => api.count({ resource: 'leases' }) >= before + times, 30_000);
  };

  beforeEach(async () => {
    api = started(await KubeApi.start());
    aheadMs = 0;
    replicas = [];
    history = [];
  });
  afterEach(() => api.goOnline().catch(() => undefined));

  it('is made by the first, held by one, and renewed', async () => {
    replica('a');
    await isHeldBy('a');
    for (const identity of ['b', 'c']) replica(identity);
    await looks(30);
    assert.deepEqual(history, ['a begins']);
    assert.equal(replicas.filter(({ lease }) => lease.isLeader).length, 1);
    const { holderIdentity, leaseDurationSeconds, renewTime } = spec();
    assert.deepEqual([holderIdentity, leaseDurationSeconds], ['a', 60]);
    assert.match(String(renewTime), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    await eventually('it is renewed', () => spec()['renewTime'] !== renewTime);
  });

  it('has one holder however many try at once', async () => {
    for (const identity of ['a', 'b', 'c', 'd', 'e']) replica(identity);
    await eventually('one holds it', () => history.length > 0);
    await looks(50);
    assert.equal(history.length, 1);
  });

  it('is handed on at once when the holder stops', async () => {
    const first = replica('a');
    await isHeldBy('a');
    replica('b');
    await first.lease.stop();
    await isHeldBy('b');
    assert.deepEqual(history, ['a begins', 'a ends', 'b begins']);
  });

  it('is taken from a holder that renews no more, after its time and not before', async () => {
    // Of a replica that was killed; its clock may have been any.
    api.put({
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: name,
      spec: { holderIdentity: 'dead', leaseDurationSeconds: 60, renewTime: '2001-01-01T00:00:00.000000Z' },
    });
    replica('b');
    await looks(20);
    assert.deepEqual(history, []);
    aheadMs = 61_000;
    await isHeldBy('b');
  });

  it('is given up by a holder that cannot renew, before another one may take it', async () => {
    const first = replica('a');
    await isHeldBy('a');
    const fault = api.faults.add({ verb: 'patch', resource: 'leases', effect: { kind: 'status', code: 503 } });
    await looks(5);
    assert.equal(first.lease.isLeader, true);
    aheadMs = 41_000;
    await eventually('it is given up', () => history.at(-1) === 'a ends', 30_000);
    fault.remove();
    await isHeldBy('a');
  });

  it('is given up by a holder that finds another one in it', async () => {
    const first = replica('a');
    await isHeldBy('a');
    const { apiVersion, kind } = api.get('leases', name)!;
    const takenOver = { ...spec(), holderIdentity: 'z', renewTime: '2001-01-01T00:00:00.000000Z' };
    api.put({ apiVersion, kind, metadata: name, spec: takenOver });
    await eventually('it sees that', () => !first.lease.isLeader);
    await looks(10);
    assert.deepEqual([history, spec()['holderIdentity']], [['a begins', 'a ends'], 'z']);
  });

  it('is never held by two, whatever becomes of requests', async () => {
    // One event loop runs all of them: what is due sooner happens sooner, however slow the machine is.
    const timings = { durationMs: 1_000, renewDeadlineMs: 300, intervalMs: 10, callMs: 100 };
    for (const identity of ['a', 'b', 'c']) replica(identity, timings);
    const resource = 'leases';
    const faults = [
      api.faults.add({ resource, probability: 0.1, effect: { kind: 'status', code: 500 } }),
      api.faults.add({ resource, probability: 0.1, effect: { kind: 'reset' } }),
      api.faults.add({ resource, probability: 0.1, effect: { kind: 'delay', ms: 120 } }),
    ];
    for (let change = 1; change <= 4; change += 1) {
      await eventually('one holds it', () => history.at(-1)?.endsWith('begins') === true, 30_000);
      const outage = api.faults.add({ resource, verb: 'patch', effect: { kind: 'status', code: 503 } });
      await eventually('it is given up', () => history.at(-1)?.endsWith('ends') === true, 30_000);
      outage.remove();
    }
    for (const fault of faults) fault.remove();
    await eventually('one holds it', () => replicas.some(({ lease }) => lease.isLeader), 30_000);
    for (let at = 1; at < history.length; at += 1) {
      assert.notEqual(history[at]?.endsWith('begins'), history[at - 1]?.endsWith('begins'), history.join(', '));
    }
  });
});
