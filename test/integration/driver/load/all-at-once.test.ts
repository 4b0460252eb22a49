import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonObject, JsonValue } from '../../../../src/shared/json.ts';
import { LoadGenerator } from '../../../support/load-generator/load-generator.ts';
import type { LoadPod } from '../../../support/load-generator/load-messages.ts';
import { Cluster } from '../../../support/driver/cluster.ts';
import { DriverProcess } from '../../../support/driver/driver-process.ts';
import type { Took } from '../../../support/driver/first-publish.ts';
import { firstPublish } from '../../../support/driver/first-publish.ts';
import { connector, flagsConfigMap } from '../../../support/driver/manifests.ts';
import { eventually } from '../../../support/poll.ts';
import { memoryOf } from '../../../support/process-state.ts';
import { MemoryCgroup } from '../../../support/soak/memory-cgroup.ts';

const MiB = 2 ** 20;
/** As deployed. */
const limitBytes = 576 * MiB;

const numbered = (name: string, count: number): string[] => Array.from({ length: count }, (_, n) => `${name}-${n}`);
const perVolume = 32;
const hugeNames = numbered('huge', 12);
const watching = { volumes: 31, connectors: numbered('watched-{volume}', perVolume) };
const watchedNames = Array.from({ length: watching.volumes }, (_, n) => numbered(`watched-${n}`, perVolume)).flat();

interface Attack {
  /** The first letter is a digit of the uid. */
  readonly pod: string;
  readonly volumes: number;
  readonly connectors: readonly string[];
}

/** Whose volumes watch too many objects. */
const watches: Attack = { pod: 'covers', ...watching };
/** What falls upon the driver besides, at once and in this order. */
const attacks: readonly Attack[] = [
  { pod: 'asks', connectors: numbered('made-up-{volume}', perVolume), volumes: 700 },
  { pod: 'bloats', connectors: hugeNames, volumes: 12 },
  { pod: 'fills', connectors: ['full'], volumes: 395 },
];
/** Of the process, beside what its volumes hold: mostly 150 to 175 MiB. With bytes for each file of a CA bundle over 250. */
const maxPeakBytes = 220 * MiB;

/** In the metrics, when a pod is refused something. */
const refused = (bound: string): RegExp =>
  new RegExp(`^connectors_csi_limit_rejections_total\\{limit="${bound}",scope="pod"\\} [1-9]`, 'm');

/** Messages that the kubelet has received by the end. The first says whose fault it is, in either way. */
const told = [/of pod evil\/\w+ failed on this node|pod evil\/\w+ has 32 publishes in flight/, /is larger than 64 KiB/];

function podsOf(list: readonly Attack[]): LoadPod[] {
  return list.map(({ pod: name, volumes, connectors }) => {
    const uid = `${name.slice(0, 1).repeat(8)}-0000-4000-8000-000000000000`;
    return { identity: { namespace: 'evil', name, uid }, volumes, attributes: { connectors: connectors.join() } };
  });
}

const hugeBytes = 1_300_000;

/** A Connector of 1.3 MB. @param junk what it is filled with. */
function huge(name: string, junk: JsonValue): JsonObject {
  const object = connector(name, { namespace: 'evil' });
  return { ...object, spec: { ...(object['spec'] as JsonObject), junk } };
}

/** Takes twenty times as much when parsed. */
const manyObjects = Array.from({ length: hugeBytes / 3 }, () => ({}));

/** Costs the API server less, which here has the test's processor. */
function changingText(round: number): string {
  return `${round} ${'a'.repeat(hugeBytes)}`;
}

describe('calls, objects, watches and memory beyond all bounds, at once and from four pods of one namespace', () => {
  let cluster: Cluster;
  let driver: DriverProcess;
  let loadGenerator: LoadGenerator;
  let cgroup: MemoryCgroup | undefined;
  beforeEach(async () => {
    cluster = await Cluster.start();
    cluster.put(flagsConfigMap({ 'enable-multi-connector': 'true' }));
    for (const name of hugeNames) cluster.put(huge(name, manyObjects));
    for (const name of [...watchedNames, 'full']) cluster.put(connector(name, { namespace: 'evil' }));
    cluster.allow([...hugeNames, ...watchedNames, 'full'], 'evil/builder', 'evil');
    const bundle = path.join(cluster.node.root, 'ca.crt');
    fs.writeFileSync(bundle, `-----BEGIN CERTIFICATE-----\n${'QUFB'.repeat(56_000)}\n-----END CERTIFICATE-----\n`);
    cgroup = MemoryCgroup.make(limitBytes);
    driver = new DriverProcess(
      cluster.node,
      [...cluster.processFlags(), '--log-level', 'info', '--proxy-ca-file', bundle],
      {},
      cgroup?.entering ?? [],
    );
    await driver.kubelet.untilReady();
    loadGenerator = new LoadGenerator();
  });
  afterEach(async () => {
    await loadGenerator.end();
    driver.kill();
    await driver.exited;
    await cluster.stop();
    cgroup?.remove();
  });

  it('fail no volume of other pods, stop no refresh, and neither kill nor swell the driver', async () => {
    const running = cluster.node.volume({ namespace: 'ci', name: 'running' });
    await firstPublish(driver, running);
    const alone = await firstPublish(driver, cluster.node.volume());

    const meets = (bound: RegExp): Promise<void> =>
      eventually(
        `each attack meets its bound, ${String(bound)}`,
        async () => {
          await sleep(500);
          // The driver closes a connection after 5 s. Where many programs wait for each processor, a request is then unread.
          const { body } = await driver.http('/metrics').catch((error: unknown) => {
            const { cause } = error as { readonly cause?: { readonly code?: string } };
            if (cause?.code === 'ECONNRESET') return { body: '' };
            throw error;
          });
          return bound.test(body);
        },
        150_000,
      );
    // First, since the driver tries only four volumes a second of a pod that fails, in any order.
    await loadGenerator.run(cluster.node, podsOf([watches]));
    await meets(refused('watches'));
    await loadGenerator.run(cluster.node, podsOf(attacks));
    let round = 0;
    const update = (): void => cluster.put(huge('huge-0', changingText((round += 1))));
    const took: Took[] = [];
    while (took.length < 8) {
      update();
      took.push(await firstPublish(driver, cluster.node.volume({ namespace: 'ci', name: `late-${took.length}` })));
      update();
      running.renewToken();
      await driver.kubelet.publishVolume(running);
      assert.equal(running.read()['context.token'], running.token);
      update();
      await sleep(500);
    }
    // Memory is shared out only where it has a limit.
    for (const bound of ['publishes', ...(cgroup === undefined ? [] : ['volume_memory_bytes'])])
      await meets(refused(bound));
    const { attempts, published } = await loadGenerator.report();
    const { peakBytes } = memoryOf(driver.pid);
    const [wall, work] = [took.map(({ wallMs }) => wallMs), took.map(({ driverMs }) => driverMs)];
    console.log(
      `      first publishes: ${listed(wall)} ms (${listed([alone.wallMs])} alone), the driver's work meanwhile ${listed(work)} ms; ` +
        `${attempts} attempts, ${published} volumes published, ${round} updates, the driver's peak ${toMiB(peakBytes)} MiB, ` +
        `with its volumes ${cgroup === undefined ? 'not known' : toMiB(cgroup.peakBytes)} MiB, limit reached ${cgroup?.limitHits ?? 0} times`,
    );
    for (const message of told)
      await eventually(`the pods are told, ${String(message)}`, async () =>
        (await loadGenerator.report()).events.some(([text]) => message.test(text)),
      );
    assert.ok(peakBytes < maxPeakBytes, `${toMiB(peakBytes)} MiB`);
  }).timeout(600_000);
});

function listed(numbers: readonly number[]): string {
  return numbers.map((number) => number.toFixed(0)).join(', ');
}

function toMiB(bytes: number): string {
  return (bytes / MiB).toFixed(0);
}
