/**
 * `unshare --mount --propagation private taskset -c 0 node --import tsx test/bench/proxy/replicas.ts [--rounds N] [--cores N]`
 * after `npm run build`, as root: what two replicas serve beside one, in turn in each round of one run. Each replica has a share
 * of core 1 (0.3 unless given), so that neither the load nor the tool on core 0 is the limit. Each new connection goes to the
 * next replica, as a Service spreads them. Medians of the rounds.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { toolAuthority } from '../../support/proxy/tool-server.js';
import { median } from '../publish/statistics.js';
import { CpuCgroup } from './cpu-cgroup.js';
import { deployedProxy } from './deployed-proxy.js';
import { cpuSeconds } from './ways.js';
import { Wrk } from './wrk.js';

const host = 'tool.example';
const { values: flags } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, cores: { type: 'string', default: '0.3' } },
});
const settleMs = 12_000;
const loads = {
  'requests a second': { clients: 40, seconds: 5, path: '/1' },
  'MiB a second': { clients: 20, seconds: 5, path: `/${4 * 2 ** 20}` },
} as const;

const directory = mkdtempSync(path.join(tmpdir(), 'bench-replicas-'));
const wrk = new Wrk(directory);
const pair = toolAuthority.issue({ commonName: 'tool', hosts: [host] });
const tool = spawn(process.execPath, [path.join(import.meta.dirname, 'tool-process.mjs'), pair.certificate, pair.key], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const [line] = (await once(tool.stdout.setEncoding('utf8'), 'data')) as [string];
const port = Number(line);
const cgroups = ['one', 'two'].map((name) => new CpuCgroup(`bench-replica-${name}`, Number(flags.cores)));
const [entering = [], second = []] = cgroups.map((each) => [...each.entering, 'taskset', '-c', '1']);
const login = { username: 'robot', password: 'bench' };
const {
  proxy,
  others,
  authority,
  login: token,
  stop,
} = await deployedProxy(host, port, login, {
  entering,
  replicas: [second],
});
const way = { name: 'proxy', proxy: { port: proxy.port, login: token }, authority, host, port };
const replicas = [proxy, ...others];
const usedSeconds = (): number => replicas.reduce((sum, { pid }) => sum + cpuSeconds(pid), 0);

try {
  await delay(settleMs);
  for (const [what, load] of Object.entries(loads)) {
    const served = { one: [] as number[], two: [] as number[] };
    const cpuMs = { one: [] as number[], two: [] as number[] };
    for (let round = 0; round < Number(flags.rounds); round += 1) {
      for (const count of ['one', 'two'] as const) {
        const before = usedSeconds();
        const ports = count === 'one' ? [] : others.map((each) => each.port);
        const { requests, bytes, seconds } = await wrk.run(way, load, ports);
        const units = what === 'requests a second' ? requests : bytes / 2 ** 20;
        served[count].push(units / seconds);
        cpuMs[count].push(((usedSeconds() - before) * 1000) / units);
        // They have been read, and nobody needs them.
        for (const each of replicas) each.log = '';
      }
    }
    const ratios = served.two.map((value, round) => value / (served.one[round] ?? Number.NaN));
    console.log(
      `${what}: one ${median(served.one).toFixed(0)}, two ${median(served.two).toFixed(0)}, ratio ${median(ratios).toFixed(2)};`,
      `CPU ms of each: ${median(cpuMs.one).toFixed(3)}, ${median(cpuMs.two).toFixed(3)}`,
    );
  }
  console.log('load', loadavg()[0]);
} finally {
  tool.kill();
  await stop();
  for (const each of cgroups) each.remove();
  rmSync(directory, { recursive: true, force: true });
}
