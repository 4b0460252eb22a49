import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import { threadTimeMs } from '../../../../src/shared/clock.ts';
import { driverLimits } from '../../../../src/driver/limits.ts';
import { Budget } from '../../../../src/shared/gotemplate/budget.ts';
import { defaultLimits } from '../../../../src/shared/gotemplate/limits.ts';
import { compileTemplate } from '../../../../src/shared/gotemplate/template.ts';
import { Cluster } from '../../../support/driver/cluster.ts';
import { DriverProcess } from '../../../support/driver/driver-process.ts';
import { connector, connectorClass } from '../../../support/driver/manifests.ts';
import { eventually } from '../../../support/poll.ts';

/** Takes many seconds in a thread. */
const longTemplate = '{{ genPrivateKey "rsa" }}'.repeat(defaultLimits.slowTasks);
const longNamespaces = ['long-0', 'long-1'];
/** A thread of a render has worked that long before it ends; no other new thread has. */
const renderingNs = 200e6;
const { cpuMs: limitMs, steps: maxSteps } = driverLimits.renders;

/** A template that takes a third of the time that a render has in the main thread. */
function ordinaryTemplate(): string {
  const textOf = (rounds: number): string => `{{ range until ${rounds} }}{{ printf "%06d-%x" . . | upper }}{{ end }}`;
  for (let rounds = 100; ; rounds = Math.ceil(rounds * 1.2)) {
    const template = compileTemplate('ordinary', textOf(rounds));
    const took = Array.from({ length: 5 }, () => {
      const budget = new Budget(defaultLimits, { clock: Date.now });
      const startMs = threadTimeMs();
      template.render({}, { budget, shownData: () => ({}) });
      return { ms: threadTimeMs() - startMs, steps: budget.steps };
    });
    if (Math.min(...took.map(({ ms }) => ms)) > limitMs / 3 || took[0]!.steps > 0.8 * maxSteps) return textOf(rounds);
  }
}

/** Processor time of a thread so far. */
function workedNs(pid: number, thread: string): number {
  return Number.parseInt(fs.readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8'), 10);
}

describe('long renders of two namespaces', () => {
  let cluster: Cluster;
  let driver: DriverProcess;
  beforeEach(async () => {
    cluster = await Cluster.start();
    for (const [name, text] of [
      ['ordinary', ordinaryTemplate()],
      ['long', longTemplate],
    ] as const) {
      cluster.put(connectorClass(name, { configurations: [{ name, data: { [name]: text } }] }));
      cluster.put(connector(name, { className: name }));
    }
    cluster.allow('ordinary');
    for (const namespace of longNamespaces) cluster.allow('long', `${namespace}/builder`);
    // On one processor the threads compete.
    const [processor = '0'] =
      /(?<=^Cpus_allowed_list:\s+)\d+/m.exec(fs.readFileSync('/proc/self/status', 'utf8')) ?? [];
    driver = new DriverProcess(cluster.node, cluster.processFlags(), {}, ['taskset', '-c', processor]);
    await driver.kubelet.untilReady();
  });
  afterEach(async () => {
    driver.kill();
    await driver.exited;
    await cluster.stop();
  });

  it('leave ordinary ones of others in the main thread, whose own time is counted', async () => {
    const publishOrdinary = (): Promise<void> =>
      driver.kubelet.publishVolume(cluster.node.volume(), {
        attributes: { connectors: 'ordinary', 'configuration.names': 'ordinary' },
      });
    for (let round = 0; round < 10; round += 1) await publishOrdinary();
    const threads = (): string[] => fs.readdirSync(`/proc/${driver.pid}/task`);
    const before = threads();
    const isRendering = (thread: string): boolean =>
      !before.includes(thread) && workedNs(driver.pid, thread) > renderingNs;
    let hasEnded = false;
    const long = longNamespaces.map((namespace) =>
      driver.kubelet
        .publishVolume(cluster.node.volume({ namespace }), {
          attributes: { connectors: 'ci/long', 'configuration.names': 'long' },
        })
        .catch(() => undefined)
        .finally(() => (hasEnded = true)),
    );
    await eventually('both render in a thread', () => threads().filter(isRendering).length === longNamespaces.length);
    // The main thread, whose id this is, gets a twentieth of the processor: while it works for 2 ms the others work for longer
    // than a render may.
    os.setPriority(driver.pid, os.getPriority(driver.pid) + 10);
    await publishOrdinary();
    assert.ok(!hasEnded, 'it waited for a thread');
    driver.kill();
    await Promise.all(long);
  }).timeout(300_000);
});
