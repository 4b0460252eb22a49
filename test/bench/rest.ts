/**
 * What the built driver costs when nothing happens: `npm run build && unshare --mount --propagation private node --import
 * tsx test/bench/rest.ts [SECONDS] [RUNS]`. Registered with a kubelet, connectors from an API server, no volumes. Prints
 * one line per run: processor time of all threads in milliseconds a minute, and how often a thread of it woke up, a second.
 */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Cluster } from '../support/driver/cluster.js';
import { driverUser } from '../support/driver/driver-account.js';
import { DriverProcess } from '../support/driver/driver-process.js';
import { TestKubelet } from '../support/kubelet/test-kubelet.js';

const [seconds = 60, runs = 3] = process.argv.slice(2).map(Number);
/** The start leaves garbage to collect and connections to close. */
const settleMs = 15_000;
const clockTicksPerSecond = 100;

for (let run = 0; run < runs; run += 1) console.log(JSON.stringify(await measure()));

async function measure(): Promise<Readonly<Record<string, number>>> {
  const cluster = await Cluster.start();
  const { node, api } = cluster;
  const kubelet = new TestKubelet({ kubeletDir: node.kubeletDir }).start();
  const kubeconfig = path.join(node.root, 'kubeconfig');
  api.writeKubeconfig(kubeconfig, { name: driverUser, groups: ['system:serviceaccounts'] });
  const driver = new DriverProcess(node, [
    ...['--registration-dir', kubelet.registryDir, '--kubelet-endpoint', node.socketPath, '--log-level', 'info'],
    ...['--connector-source', 'kubernetes', '--manifests', '', '--kubeconfig', kubeconfig],
    ...['--http-address', '127.0.0.1:0'],
  ]);
  try {
    await kubelet.untilRegistered();
    await delay(settleMs);
    const before = spentBy(driver.pid);
    await delay(seconds * 1000);
    const after = spentBy(driver.pid);
    return {
      cpuMsPerMinute: Math.round(((after.cpuMs - before.cpuMs) * 60) / seconds),
      wakeUpsPerSecond: Math.round((10 * (after.wakeUps - before.wakeUps)) / seconds) / 10,
    };
  } finally {
    await kubelet.stop();
    await driver.stop();
    await cluster.stop();
  }
}

/** Of all threads of a process since its start. A thread wakes up as often as it has gone to sleep by itself. */
function spentBy(pid: number): { readonly cpuMs: number; readonly wakeUps: number } {
  const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  const wakeUps = fs
    .readdirSync(`/proc/${pid}/task`)
    .map((thread) => fs.readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8'))
    .reduce((sum, status) => sum + Number(/^voluntary_ctxt_switches:\s+(\d+)$/m.exec(status)?.[1] ?? 0), 0);
  return { cpuMs: (ticks * 1000) / clockTicksPerSecond, wakeUps };
}
