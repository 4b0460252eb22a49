/**
 * `node --import tsx test/bench/proxy/first-request.ts [--rounds N]` after `npm run build`, in a private mount
 * namespace: what the first request of a host takes through the built proxy as it is deployed, a process of its own in each
 * round, beside what it takes straight to the tool. Milliseconds, medians of the rounds: of time, and of what the proxy's main
 * thread works, which a busy machine changes less.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { toolAuthority } from '../../support/proxy/tool-server.js';
import { median, timed } from '../publish/statistics.js';
import { deployedProxy } from './deployed-proxy.js';
import { agentOf, get, open } from './tunnel-client.js';
import type { Way } from './tunnel-client.js';

const [host, ...moreHosts] = ['one.example', 'two.example', 'three.example', 'four.example'] as const;
const hosts = [host, ...moreHosts];
const { values: flags } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } });
/** Until the proxy has looked at its Connector, or longer. */
const settleMs = 3_000;

const pair = toolAuthority.issue({ commonName: 'tool', hosts });
const tool = spawn(process.execPath, [path.join(import.meta.dirname, 'tool-process.mjs'), pair.certificate, pair.key], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const [line] = (await once(tool.stdout.setEncoding('utf8'), 'data')) as [string];
const port = Number(line);

const ask = async (way: Way): Promise<unknown> => get(way, agentOf(await open(way)), '/1');
const login = { username: 'robot', password: 'bench' };
const direct = (asked: string): Way => ({
  ...{ name: 'no proxy', proxy: undefined, host: asked, port },
  authority: toolAuthority.certificate,
});
const figures = new Map<string, number[]>();
const note = (name: string, ms: number): void => void figures.set(name, [...(figures.get(name) ?? []), ms]);

/** Of the main thread since its start. */
function workedMs(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
}

for (let round = 0; round < Number(flags.rounds); round += 1) {
  for (const writesStatus of [true, false]) {
    const more = { flags: writesStatus ? [] : ['--write-status=false'], moreHosts };
    const { proxy, authority, login: token, stop } = await deployedProxy(host, port, login, more);
    await delay(settleMs);
    const replica = writesStatus ? 'the replica with the Lease' : 'another replica';
    for (const [at, asked] of hosts.entries()) {
      note('directly', await timed(() => ask(direct(asked))));
      const way = { name: 'proxy', proxy: { port: proxy.port, login: token }, authority, host: asked, port };
      for (const which of [at === 0 ? 'first host' : 'a further host', 'again']) {
        const before = workedMs(proxy.pid);
        note(`${which}, ${replica}`, await timed(() => ask(way)));
        note(`${which}, ${replica}, processor time`, workedMs(proxy.pid) - before);
      }
    }
    await stop();
  }
}
tool.kill();
for (const [name, all] of figures)
  console.log(name.padEnd(60), median(all).toFixed(1), all.map((ms) => ms.toFixed(1)).join(' '));
console.log('load', loadavg()[0]);
