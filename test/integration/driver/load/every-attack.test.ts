import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { LoadGenerator } from '../../../support/load-generator/load-generator.ts';
import type { LoadPod, LoadReport } from '../../../support/load-generator/load-messages.ts';
import { Cluster } from '../../../support/driver/cluster.ts';
import { DriverProcess } from '../../../support/driver/driver-process.ts';
import { connector, connectorClass } from '../../../support/driver/manifests.ts';
import { eventually } from '../../../support/poll.ts';
import { memoryOf } from '../../../support/process-state.ts';
import { MemoryCgroup } from '../../../support/soak/memory-cgroup.ts';

const MiB = 2 ** 20;
/** As deployed. */
const limitBytes = 576 * MiB;
const imageEnv = { NODE_ENV: 'production', MALLOC_ARENA_MAX: '1' };
/** Each pod of others is published, and then as often again with a new token. */
const [otherPods, renewals] = [8, 4];
const teams = ['team-0', 'team-1', 'team-2', 'team-3'];
const othersTiming = { republishMs: 1000, callTimeoutMs: 120_000, firstBackoffMs: 500, maxBackoffMs: 122_000 };

const numbered = (count: number, of: (n: number) => LoadPod): LoadPod[] =>
  Array.from({ length: count }, (_, n) => of(n));
const big = { connectors: 'big', 'configuration.names': 'big' };
const names = Object.fromEntries(Array.from({ length: 27_000 }, (_, n) => [n.toString(36), '']));

/** 800 volumes without their Connector, 12 pods with thousands of attributes, and as much memory as there is for one. */
const attacks: readonly LoadPod[] = [
  ...numbered(2, (n) => ({
    identity: { namespace: 'fails', name: `fails-${n}` },
    volumes: 400,
    attributes: { connectors: 'gone' },
  })),
  ...numbered(12, (n) => ({ identity: { namespace: 'many', name: `many-${n}` }, volumes: 3, attributes: names })),
  ...numbered(20, (n) => ({ identity: { namespace: 'fills', name: `fills-${n}` }, volumes: 10, attributes: big })),
];

describe('every attack at once, each by a namespace without a special right', () => {
  let cluster: Cluster;
  let driver: DriverProcess;
  let cgroup: MemoryCgroup | undefined;
  /** Processes of their own, so that only the driver's work is the driver's. */
  let attackers: LoadGenerator;
  let hoarders: LoadGenerator;
  let others: LoadGenerator;
  beforeEach(async () => {
    cluster = await Cluster.start();
    cluster.put(connectorClass('big', { configurations: [{ name: 'big', data: { big: '{{ repeat 900000 "x" }}' } }] }));
    for (const namespace of ['fills', 'hoards']) {
      cluster.put(connector('big', { namespace, className: 'big' }));
      cluster.put(connector('own', { namespace }));
      cluster.allow(['big', 'own'], `${namespace}/builder`, namespace);
    }
    for (const team of teams) cluster.allow('harbor', `${team}/builder`);
    cgroup = MemoryCgroup.make(limitBytes);
    const flags = [...cluster.processFlags(), '--log-level', 'info'];
    driver = new DriverProcess(cluster.node, flags, imageEnv, cgroup?.entering ?? []);
    await driver.kubelet.untilReady();
    [attackers, hoarders, others] = [new LoadGenerator(), new LoadGenerator(), new LoadGenerator()];
  });
  afterEach(async () => {
    await Promise.all([attackers, hoarders, others].map((generator) => generator.end()));
    driver.kill();
    await driver.exited;
    await cluster.stop();
    cgroup?.remove();
  });

  it('stop no publish, no renewal and no probe of others, and end no driver', async () => {
    const { node } = cluster;
    const isTold = async (generator: LoadGenerator, message: RegExp): Promise<boolean> =>
      (await generator.report()).events.some(([text]) => message.test(text));
    const meets = async (): Promise<void> => {
      const files = { namespace: 'hoards', large: big, small: { connectors: 'own' }, file: 'big' };
      await hoarders.hoard(node, files);
      await eventually('the hoarders meet their share', () => isTold(hoarders, /volumes of namespace hoards on this/));
      await attackers.run(node, attacks);
      for (const message of [
        /over 128 volumeAttributes/,
        /connector fails\/gone/,
        /no memory for volumes on this node|volumes of namespace fills/,
      ])
        await eventually(`the attackers meet their bound, ${String(message)}`, () => isTold(attackers, message));
    };
    let probes = 0;
    const serves = async (): Promise<LoadReport> => {
      for (let pod = 0; pod < otherPods; pod += 1) {
        const identity = { namespace: teams[pod % teams.length]!, name: `pod-${pod}` };
        await others.run(node, [{ identity, volumes: 1, attributes: { connectors: 'ci/harbor' } }], othersTiming);
        assert.equal((await driver.http('/healthz')).status, 200);
        probes += 1;
        await sleep(250);
      }
      const isDone = async (): Promise<boolean> => (await others.report()).tookMs.length >= otherPods * (1 + renewals);
      await eventually('others have their volumes and new tokens', isDone);
      return others.report();
    };
    await meets();
    const { published, events, tookMs } = await serves();
    const { hoarded } = await hoarders.report();
    const { attempts } = await attackers.report();
    const sorted = [...tookMs].sort((a, b) => a - b);
    console.log(
      `      ${attempts} attempts, ${hoarded} files kept open; others: ${sorted.length} publishes, median ` +
        `${sorted[sorted.length >> 1]?.toFixed()} ms, slowest ${sorted.at(-1)?.toFixed()} ms; ${probes} probes; ` +
        `process ${(memoryOf(driver.pid).peakBytes / MiB).toFixed()} MiB, with its volumes ${((cgroup?.peakBytes ?? 0) / MiB).toFixed()} MiB`,
    );
    assert.equal(published, otherPods);
    // A kubelet dials again if too many others are dialling.
    assert.deepEqual(
      events.filter(([text]) => !text.includes('No connection established')),
      [],
    );
    assert.equal(cgroup?.kills ?? 0, 0);
  }).timeout(600_000);
});
