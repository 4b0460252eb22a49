/**
 * `npm run bench:proxy -- [--rounds N] [--json FILE] [--before DIST/main.js] [--only PART,...] [--ways WAY,...]`, as root: the built proxy as it is
 * deployed, an older build of it, Squid with ssl_bump, a relay that only relays, and no proxy at all. In each round each of them
 * gets a new process and serves 100,000 requests before it is measured. It has core 1 alone; wrk, curl, the tool and this process
 * share core 0. Parts are memory, requests, burst and transfers. Needs wrk, gcc and squid-openssl. Results without a verdict:
 * medians over the rounds, ratios within each round.
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
import { timed } from '../publish/statistics.ts';
import { measureBurst } from './burst.ts';
import { Figures } from './figures.ts';
import { loads, measureRequests, warm } from './requests.ts';
import { startWay } from './start-way.ts';
import { directions, measureManyTransfers, measureTransfer } from './transfers.ts';
import { agentOf, get, open } from './tunnel-client.ts';
import type { MeasuredWay, WayName } from './ways.ts';
import { residentMib, wayNames } from './ways.ts';
import { Wrk } from './wrk.ts';

const host = 'tool.example';
/** What the start leaves behind is collected. */
const settleMs = 12_000;

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
  for (let round = 1; round <= rounds; round += 1) {
    // The machine changes while a round lasts.
    for (const name of round % 2 === 1 ? measured : measured.toReversed()) await measureNew(name, round);
  }
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

/** Measures a new process. @throws {Error} that names it and what failed. */
async function measureNew(name: WayName, round: number): Promise<void> {
  console.error(`round ${round} of ${rounds}: ${name}`);
  const way = await startWay(name, {
    ...{ directory: path.join(directory, `squid-${round}`), host, port: Number(line), pair },
    login: { username: 'robot', password: 'bench' },
    entering: ['taskset', '-c', '1'],
    before: flags.before === undefined ? undefined : path.resolve(flags.before),
  });
  let what = 'start';
  const step = async (part: string, description: string, run: () => Promise<void>): Promise<void> => {
    what = description;
    if (part.split(',').some((each) => parts.has(each))) await run();
  };
  try {
    await step('memory', 'memory at rest', () => measureRest(way));
    await timed(async () => get(way, agentOf(await open(way)), '/1'));
    await step('requests,burst', 'first requests', () => warm(wrk, way, note));
    for (const load of loads) await step('requests', load.name, () => measureRequests(wrk, way, load, note));
    await step('burst', 'burst', () => measureBurst(way, note));
    for (const direction of directions) {
      await step('transfers', `1 GiB ${direction}`, () => measureTransfer(way, direction, directory, note));
    }
    await step('memory', '200 transfers', () => measureManyTransfers(wrk, way, note));
  } catch (error) {
    throw new Error(`${name}, round ${round}, ${what}: ${way.lastWords()}`, { cause: error });
  } finally {
    await way.stop();
  }
}

async function measureRest(way: MeasuredWay): Promise<void> {
  if (way.pid === undefined) return;
  await sleep(settleMs);
  note('memory at rest, MiB', way, residentMib(way.pid));
  note('own memory at rest, MiB', way, ownMemoryOf(way.pid) / 2 ** 20);
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
