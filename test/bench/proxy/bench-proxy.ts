/**
 * `npm run bench:proxy -- [--rounds N] [--json FILE] [--only PART,...]`: the built proxy as it is deployed beside Squid with
 * ssl_bump and beside no proxy at all, the ways in turn in each round of one run. Parts are latency, throughput, transfers and
 * memory. Figures, no verdict: ratios within a run are what counts, medians over the rounds what is printed.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { toolAuthority } from '../../support/proxy/tool-server.js';
import { timed } from '../publish/statistics.js';
import { deployedProxy } from './deployed-proxy.js';
import { Figures } from './figures.js';
import { clientCounts, measureLatency, measureThroughput } from './requests.js';
import { SquidBump } from './squid-bump.js';
import { measureManyTransfers, measureTransfer } from './transfers.js';
import { agentOf, get, open } from './tunnel-client.js';
import type { MeasuredWay } from './ways.js';
import { residentMib } from './ways.js';

const host = 'tool.example';
const toolLogin = { username: 'robot', password: 'bench' } as const;
/** What the start leaves behind is collected. */
const settleMs = 12_000;

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    json: { type: 'string' },
    only: { type: 'string', default: 'latency,throughput,transfers,memory' },
  },
});
const rounds = Number(flags.rounds);
const parts = new Set(flags.only.split(','));

const directory = mkdtempSync(path.join(tmpdir(), 'bench-proxy-'));
// Squid is nobody in particular.
chmodSync(directory, 0o755);
const pair = toolAuthority.issue({ commonName: 'tool', hosts: [host] });
const tool = spawn(process.execPath, [path.join(import.meta.dirname, 'tool-process.mjs'), pair.certificate, pair.key], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const [line] = (await once(tool.stdout.setEncoding('utf8'), 'data')) as [string];
const port = Number(line);
const loadBefore = loadavg()[0];
const { proxy, authority, login, stop } = await deployedProxy(host, port, toolLogin);
const basic = `Basic ${Buffer.from(`${toolLogin.username}:${toolLogin.password}`).toString('base64')}`;
const squid = await SquidBump.start(path.join(directory, 'squid'), host, 'bench bench', basic);
const direct: MeasuredWay = {
  ...{ host, port, name: 'no proxy', proxy: undefined, pid: undefined },
  authority: toolAuthority.certificate,
};
const bySquid: MeasuredWay = {
  ...{ host, port, name: 'Squid', pid: squid.process.pid, authority: squid.authority },
  proxy: { port: squid.port, login: 'bench:bench' },
};
const byProxy: MeasuredWay = {
  ...{ host, port, name: 'proxy', pid: proxy.pid, authority },
  proxy: { port: proxy.port, login },
};
const ways = [direct, bySquid, byProxy];
const figures = new Figures();

async function measureStart(way: MeasuredWay): Promise<void> {
  if (way.pid !== undefined) figures.note('memory at rest, MiB', way, residentMib(way.pid));
  const first = async (): Promise<unknown> => get(way, agentOf(await open(way)), '/1');
  figures.note('first request of the host, ms', way, await timed(first));
}

async function measureRound(way: MeasuredWay): Promise<void> {
  const { note } = figures;
  if (parts.has('latency')) await measureLatency(way, note);
  if (parts.has('throughput')) for (const clients of clientCounts) await measureThroughput(way, clients, note);
  if (parts.has('transfers')) {
    for (const direction of ['down', 'up'] as const) await measureTransfer(way, direction, directory, note);
  }
  if (parts.has('memory')) await measureManyTransfers(way, note);
  // It has been read, and nobody needs it.
  proxy.log = '';
}

try {
  await new Promise((resolve) => setTimeout(resolve, settleMs));
  for (const way of ways) await measureStart(way);
  for (let round = 1; round <= rounds; round += 1) {
    console.error(`round ${round} of ${rounds}`);
    for (const way of ways) await measureRound(way);
  }
  const machine = {
    ...{ node: process.version, kernel: release(), cores: cpus().length, loadBefore },
    loadAfter: loadavg()[0],
  };
  console.log(figures.table);
  if (flags.json !== undefined) {
    writeFileSync(flags.json, `${JSON.stringify({ machine, rounds, figures: figures.all }, null, 1)}\n`);
  }
} finally {
  squid.process.kill('SIGKILL');
  tool.kill();
  await stop();
  rmSync(directory, { recursive: true, force: true });
}
