/**
 * `npm run bench:proxy -- [--rounds N] [--json FILE] [--before DIST/main.js] [--only PART,...] [--ways WAY,...]`, as root: the built proxy as it is
 * deployed, an older build of it, Squid with ssl_bump, a relay that only relays, and no proxy at all. In each round each of them
 * gets a new process and serves 100,000 requests before it is measured. Then they are measured in turn, a few seconds at a time,
 * because the machine changes while a round lasts. They have core 1 alone; wrk, curl, the tool and this process share core 0.
 * Parts are memory, requests, burst and transfers. Needs wrk, gcc and squid-openssl. Results without a verdict: medians of all
 * slices, and of the ratios within each slice.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { ownMemoryOf } from '../../support/process-state.ts';
import { toolAuthority } from '../../support/proxy/tool-server.ts';
import { measureBursts } from './burst.ts';
import { Figures } from './figures.ts';
import { loads, measureRequests, warm } from './requests.ts';
import { startWay } from './start-way.ts';
import type { StartedWay } from './start-way.ts';
import { directions, measureManyTransfers, measureTransfer } from './transfers.ts';
import { agentOf, get, open } from './tunnel-client.ts';
import type { MeasuredWay, WayName } from './ways.ts';
import { residentMib, wayNames } from './ways.ts';
import { Wrk } from './wrk.ts';

const host = 'tool.example';
/** What the start leaves behind is collected. */
const settleMs = 12_000;
/** How often each load is measured with each process. */
const slices = 4;

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    json: { type: 'string' },
    before: { type: 'string' },
    only: { type: 'string', default: 'memory,requests,burst,transfers' },
    ways: { type: 'string', default: wayNames.join() },
  },
});
const rounds = Number(flags.rounds);
const parts = new Set(flags.only.split(','));
const chosen = new Set(flags.ways.split(','));
const measured = wayNames.filter((name) => chosen.has(name) && (name !== 'before' || flags.before !== undefined));
ensureNodeOfImage();

const directory = mkdtempSync(path.join(tmpdir(), 'bench-proxy-'));
// Squid is nobody in particular.
chmodSync(directory, 0o755);
const wrk = new Wrk(directory);
const pair = toolAuthority.issue({ commonName: 'tool', hosts: [host] });
const tool = spawn(process.execPath, [path.join(import.meta.dirname, 'tool-process.mjs'), pair.certificate, pair.key], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const [line] = (await once(tool.stdout.setEncoding('utf8'), 'data')) as [string];
const figures = new Figures();
const { note } = figures;
const loadBefore = loadavg()[0];

try {
  for (let round = 1; round <= rounds; round += 1) await measureRound(round);
} finally {
  tool.kill();
  rmSync(directory, { recursive: true, force: true });
  console.log(`${figures.table}\n\n${figures.comparison}`);
}
if (flags.json !== undefined) {
  const machine = {
    node: process.version,
    kernel: release(),
    cores: cpus().length,
    loadBefore,
    loadAfter: loadavg()[0],
  };
  writeFileSync(flags.json, `${JSON.stringify({ machine, rounds, figures: figures.all }, null, 1)}\n`);
}

/** Measures new processes, in turn. @throws {Error} that names the way and what failed. */
async function measureRound(round: number): Promise<void> {
  const ways: StartedWay[] = [];
  const each = async (part: string, what: string, run: (way: MeasuredWay) => Promise<void>): Promise<void> => {
    if (!part.split(',').some((one) => parts.has(one))) return;
    console.error(`round ${round} of ${rounds}: ${what}`);
    for (const way of ways) {
      await run(way).catch((error: unknown) => {
        throw new Error(`${way.name}, round ${round}, ${what}: ${way.lastWords()}`, { cause: error });
      });
    }
    ways.reverse();
  };
  try {
    for (const name of measured) ways.push(await start(name, round));
    if (parts.has('memory')) await sleep(settleMs);
    await each('memory', 'memory at rest', measureRest);
    await each('requests,burst,transfers', 'one request', async (way) => {
      await get(way, agentOf(await open(way)), '/1');
    });
    await each('requests,burst', 'first requests', (way) => warm(wrk, way, note));
    for (const load of loads) {
      // Further slices of fresh connections would measure the namespace's share of CPU time, which the first one uses up.
      for (let slice = 0; slice < ('isFresh' in load ? 1 : slices); slice += 1) {
        await each('requests', load.name, (way) => measureRequests(wrk, way, load, note));
      }
    }
    if (parts.has('burst')) await measureBursts(ways, note);
    for (const direction of directions) {
      await each('transfers', `1 GiB ${direction}`, (way) => measureTransfer(way, direction, directory, note));
    }
    await each('memory', '200 transfers', (way) => measureManyTransfers(wrk, way, note));
  } finally {
    await Promise.all(ways.map((way) => way.stop()));
  }
}

function start(name: WayName, round: number): Promise<StartedWay> {
  return startWay(name, {
    ...{ directory: path.join(directory, `squid-${round}`), host, port: Number(line), pair },
    login: { username: 'robot', password: 'bench' },
    entering: ['taskset', '-c', '1'],
    before: flags.before === undefined ? undefined : path.resolve(flags.before),
  });
}

function measureRest(way: MeasuredWay): Promise<void> {
  if (way.pid === undefined) return Promise.resolve();
  note('memory at rest, MiB', way, residentMib(way.pid));
  note('own memory at rest, MiB', way, ownMemoryOf(way.pid) / 2 ** 20);
  return Promise.resolve();
}

/** The proxy runs on no other Node. @throws {Error} */
function ensureNodeOfImage(): void {
  const file = path.join(import.meta.dirname, '../../../package.json');
  const { optionalDependencies } = JSON.parse(readFileSync(file, 'utf8')) as {
    readonly optionalDependencies: Readonly<Record<string, string>>;
  };
  const expected = `v${optionalDependencies[`node-linux-${process.arch}`]}`;
  if (process.version !== expected) throw new Error(`this is Node ${process.version}: run it with npm, on ${expected}`);
}
