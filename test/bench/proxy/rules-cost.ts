/**
 * `node --import tsx test/bench/proxy/rules-cost.ts [--rounds N]` after `npm run build`, in a private mount namespace: CPU time
 * of the proxy's main thread for a request to a Connector with ten rules, beside one without rules, the two in turn in each
 * round of one run. Microseconds, medians of the rounds.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { toolAuthority } from '../../support/proxy/tool-server.js';
import { median } from '../publish/statistics.js';
import { deployedProxy } from './deployed-proxy.js';
import { agentOf, get, open } from './tunnel-client.js';

const host = 'tool.example';
const { values: flags } = parseArgs({ options: { rounds: { type: 'string', default: '15' } } });
const requests = 1_000;
const settleMs = 5_000;

const pair = toolAuthority.issue({ commonName: 'tool', hosts: [host] });
const tool = spawn(process.execPath, [path.join(import.meta.dirname, 'tool-process.mjs'), pair.certificate, pair.key], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const [line] = (await once(tool.stdout.setEncoding('utf8'), 'data')) as [string];
const port = Number(line);
const { proxy, authority, login, ruledLogin, stop } = await deployedProxy(host, port, {
  username: 'robot',
  password: 'bench',
});
const workedUs = (): number =>
  Number(readFileSync(`/proc/${proxy.pid}/task/${proxy.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e3;

async function costOf(loginOf: string): Promise<number> {
  const way = { name: 'proxy', proxy: { port: proxy.port, login: loginOf }, authority, host, port };
  const socket = await open(way);
  const agent = agentOf(socket);
  const before = workedUs();
  for (let at = 0; at < requests; at += 1) await get(way, agent, '/1');
  const cost = (workedUs() - before) / requests;
  socket.destroy();
  // It has been read, and nobody needs it.
  proxy.log = '';
  return cost;
}

try {
  await delay(settleMs);
  for (let at = 0; at < 3; at += 1) for (const each of [login, ruledLogin]) await costOf(each);
  const [plain, ruled, ratios]: [number[], number[], number[]] = [[], [], []];
  for (let round = 0; round < Number(flags.rounds); round += 1) {
    // Each is first in every other round.
    const isFirst = round % 2 === 0;
    const first = await costOf(isFirst ? login : ruledLogin);
    const second = await costOf(isFirst ? ruledLogin : login);
    const [without, withRules] = isFirst ? [first, second] : [second, first];
    plain.push(without);
    ruled.push(withRules);
    ratios.push(withRules / without);
  }
  console.log(`without rules ${median(plain).toFixed(1)}`);
  console.log(`with ten rules ${median(ruled).toFixed(1)}`);
  console.log(`ratio ${median(ratios).toFixed(3)}`);
} finally {
  tool.kill();
  await stop();
}
