/**
 * `npm run bench:proxy -- [--rounds N] [--json FILE] [--before DIST/main.js] [--only PART,...]` as root: the built proxy as it is
 * deployed, an older build of it, Squid with ssl_bump, a relay that only relays, and no proxy at all, in turn in each round. What is measured
 * has core 1 alone; wrk, curl, the tool and this process share core 0. Parts are requests, transfers and memory. Needs wrk, gcc
 * and squid-openssl. Results without a verdict: medians over the rounds, ratios within each round.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { toolAuthority } from '../../support/proxy/tool-server.ts';
import { timed } from '../publish/statistics.ts';
import { deployedProxy } from './deployed-proxy.ts';
import type { DeployedProxy } from './deployed-proxy.ts';
import { Figures } from './figures.ts';
import { loads, measureRequests } from './requests.ts';
import { SquidBump } from './squid-bump.ts';
import { directions, measureManyTransfers, measureTransfer } from './transfers.ts';
import { agentOf, get, open } from './tunnel-client.ts';
import type { MeasuredWay, WayName } from './ways.ts';
import { residentMib } from './ways.ts';
import { Wrk } from './wrk.ts';

const host = 'tool.example';
const toolLogin = { username: 'robot', password: 'bench' } as const;
/** What the start leaves behind is collected. */
const settleMs = 12_000;
/** Where what is measured runs. `npm run bench:proxy` puts all others on core 0. */
const entering = ['taskset', '-c', '1'];

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    json: { type: 'string' },
    before: { type: 'string' },
    only: { type: 'string', default: 'requests,transfers,memory' },
  },
});
const rounds = Number(flags.rounds);
const parts = new Set(flags.only.split(','));

const directory = mkdtempSync(path.join(tmpdir(), 'bench-proxy-'));
// Squid is nobody in particular.
chmodSync(directory, 0o755);
const wrk = new Wrk(directory);
const pair = toolAuthority.issue({ commonName: 'tool', hosts: [host] });
const tool = spawn(process.execPath, [path.join(import.meta.dirname, 'tool-process.mjs'), pair.certificate, pair.key], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const [line] = (await once(tool.stdout.setEncoding('utf8'), 'data')) as [string];
const port = Number(line);
const loadBefore = loadavg()[0];
const basic = `Basic ${Buffer.from(`${toolLogin.username}:${toolLogin.password}`).toString('base64')}`;
const squid = await SquidBump.start(path.join(directory, 'squid'), host, 'bench bench', basic, entering);
const relay = spawn(entering[0] ?? '', [
  ...entering.slice(1),
  process.execPath,
  ...[path.join(import.meta.dirname, 'bare-relay.mjs'), String(port), host],
  ...[pair.certificate, pair.key, toolAuthority.certificate],
]);
const [relayPort] = (await once(relay.stdout.setEncoding('utf8'), 'data')) as [string];
const deployed: DeployedProxy[] = [];

/** Starts a build of the proxy. */
async function started(name: WayName, main?: string): Promise<MeasuredWay> {
  const started = await deployedProxy(host, port, toolLogin, { entering, ...(main === undefined ? {} : { main }) });
  deployed.push(started);
  const { proxy, authority, login } = started;
  return { host, port, name, pid: proxy.pid, authority, proxy: { port: proxy.port, login } };
}

async function measureStart(way: MeasuredWay): Promise<void> {
  if (way.pid !== undefined) figures.note('memory at rest, MiB', way, residentMib(way.pid));
  const first = async (): Promise<unknown> => get(way, agentOf(await open(way)), '/1');
  figures.note('first request of the host, ms', way, await timed(first));
}

async function measureRound(way: MeasuredWay): Promise<void> {
  const { note } = figures;
  if (parts.has('requests')) for (const load of loads) await measureRequests(wrk, way, load, note);
  if (parts.has('transfers')) {
    for (const direction of directions) await measureTransfer(way, direction, directory, note);
  }
  if (parts.has('memory')) await measureManyTransfers(wrk, way, note);
  // They have been read, and nobody needs them.
  for (const { proxy } of deployed) proxy.log = '';
}

const figures = new Figures();
try {
  const ways: MeasuredWay[] = [
    { host, port, name: 'no proxy', proxy: undefined, pid: undefined, authority: toolAuthority.certificate },
    {
      ...{ host, port, name: 'bare relay', pid: relay.pid, authority: toolAuthority.certificate },
      proxy: { port: Number(relayPort), login: 'anybody:' },
    },
    {
      ...{ host, port, name: 'Squid', pid: squid.process.pid, authority: squid.authority },
      proxy: { port: squid.port, login: 'bench:bench' },
    },
    ...(flags.before === undefined ? [] : [await started('before', path.resolve(flags.before))]),
    await started('proxy'),
  ];
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
  relay.kill();
  for (const { stop } of deployed) await stop();
  rmSync(directory, { recursive: true, force: true });
}
