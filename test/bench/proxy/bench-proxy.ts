// `npm run bench:proxy`: the proxy beside Squid with ssl_bump and beside no proxy at all, in one run. Figures, no verdict.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { connector, grant, secret } from '../../support/proxy/manifests.js';
import { ProcessStage } from '../../support/proxy/process-stage.js';
import { toolAuthority } from '../../support/proxy/tool-server.js';
import { SquidBump } from './squid-bump.js';
import type { Way } from './tunnel-client.js';
import { agentOf, get, open } from './tunnel-client.js';

const host = 'tool.example';
const password = 'bench';
const gibibyte = 2 ** 30;
const ticksPerSecond = 100;
const throughputMs = 2_000;
const run = promisify(execFile);
const rounds = Number(process.argv[2] ?? 3);

interface Measured extends Way {
  /** Of the proxy's process; undefined: there is none. */
  readonly pid: number | undefined;
}

const directory = mkdtempSync(path.join(tmpdir(), 'bench-proxy-'));
chmodSync(directory, 0o755);
/** Holes, which cost no disk. */
const layer = path.join(directory, 'layer');
writeFileSync(layer, '');
truncateSync(layer, gibibyte);
const pair = toolAuthority.issue({ commonName: 'tool', hosts: [host] });
const tool = spawn(process.execPath, [path.join(import.meta.dirname, 'tool-process.mjs'), pair.certificate, pair.key], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const [line] = (await once(tool.stdout.setEncoding('utf8'), 'data')) as [string];
const toolPort = Number(line);
const stage = await ProcessStage.start([
  connector('tool', `https://${host}:${toolPort}`, {
    secret: 'login',
    caSecret: 'tool-ca',
  }),
  secret('login', 'kubernetes.io/basic-auth', { username: 'robot', password }),
  ...grant('builder', ['tool']),
]);
const proxy = await stage.replica([host]);
const token = await stage.keys.token();
const login = `ci%2Ftool:${token}`;
const basic = `Basic ${Buffer.from(`robot:${password}`).toString('base64')}`;
const squid = await SquidBump.start(path.join(directory, 'squid'), host, 'bench bench', basic);
const common = { host, port: toolPort };
const ways: readonly Measured[] = [
  {
    ...common,
    name: 'no proxy',
    proxy: undefined,
    authority: toolAuthority.certificate,
    pid: undefined,
  },
  {
    ...common,
    name: 'squid',
    proxy: { port: squid.port, login: 'bench:bench' },
    authority: squid.authority,
    pid: squid.process.pid,
  },
  {
    ...common,
    name: 'proxy',
    proxy: { port: proxy.port, login },
    authority: stage.authority,
    pid: proxy.pid,
  },
];

/** Figures by what was measured and by way, one for each round. */
const figures = new Map<string, Map<string, number[]>>();
const note = (what: string, { name }: Measured, value: number): void => {
  const ofWhat = figures.get(what) ?? new Map<string, number[]>();
  figures.set(what, ofWhat);
  ofWhat.set(name, [...(ofWhat.get(name) ?? []), value]);
};

const memoryMib = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
const cpuSeconds = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
};
const quantile = (sorted: readonly number[], part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}

async function smallRequests(way: Measured): Promise<void> {
  const socket = await open(way);
  const agent = agentOf(socket);
  const kept: number[] = [];
  for (let at = 0; at < 600; at += 1) kept.push(await timed(() => get(way, agent, '/1')));
  socket.destroy();
  const warm = kept.slice(100).sort((a, b) => a - b);
  note('small request, kept connection, p50 ms', way, quantile(warm, 0.5));
  note('small request, kept connection, p99 ms', way, quantile(warm, 0.99));
  const fresh: number[] = [];
  for (let at = 0; at < 200; at += 1) {
    fresh.push(
      await timed(async () => {
        const own = await open(way);
        await get(way, agentOf(own), '/1');
        own.destroy();
      }),
    );
  }
  fresh.sort((a, b) => a - b);
  note('small request, fresh connection, p50 ms', way, quantile(fresh, 0.5));
  note('small request, fresh connection, p99 ms', way, quantile(fresh, 0.99));
}

async function throughput(way: Measured, clients: number): Promise<void> {
  const sockets = await Promise.all(Array.from({ length: clients }, () => open(way)));
  const before = way.pid === undefined ? 0 : cpuSeconds(way.pid);
  const endMs = performance.now() + throughputMs;
  let served = 0;
  await Promise.all(
    sockets.map(async (socket) => {
      const agent = agentOf(socket);
      while (performance.now() < endMs) {
        await get(way, agent, '/1');
        served += 1;
      }
      socket.destroy();
    }),
  );
  note(`requests a second, ${clients} clients`, way, (served / throughputMs) * 1000);
  if (way.pid === undefined) return;
  const usedMs = (cpuSeconds(way.pid) - before) * 1000;
  note(`CPU of the proxy for a request, ${clients} clients, ms`, way, usedMs / served);
}

async function transfer(way: Measured, direction: 'down' | 'up'): Promise<void> {
  const authorityFile = path.join(directory, `${way.name.replace(' ', '-')}.pem`);
  writeFileSync(authorityFile, way.authority);
  const through =
    way.proxy === undefined
      ? ['--resolve', `${host}:${way.port}:127.0.0.1`]
      : ['--proxy', `http://${way.proxy.login}@127.0.0.1:${way.proxy.port}`];
  const url = `https://${host}:${way.port}/${gibibyte}`;
  const upload = direction === 'up' ? ['-T', layer] : [];
  const args = ['-sSf', '--noproxy', '', '--cacert', authorityFile, '-o', '/dev/null', ...upload, ...through, url];
  const before = way.pid === undefined ? 0 : cpuSeconds(way.pid);
  const elapsedMs = await timed(() => run('curl', args));
  note(`1 GiB ${direction}, s`, way, elapsedMs / 1000);
  if (way.pid !== undefined) note(`1 GiB ${direction}, CPU of the proxy, s`, way, cpuSeconds(way.pid) - before);
}

/** 200 transfers of 4 MiB at once whose clients read slowly at first. */
async function manyTransfers(way: Measured): Promise<void> {
  const { pid } = way;
  if (pid === undefined) return;
  let most = 0;
  const look = setInterval(() => (most = Math.max(most, memoryMib(pid))), 50);
  await Promise.all(
    Array.from({ length: 200 }, async () => {
      const socket = await open(way);
      await get(way, agentOf(socket), `/${4 * 2 ** 20}`);
      socket.destroy();
    }),
  );
  clearInterval(look);
  note('memory under 200 transfers, MiB', way, most);
}

try {
  for (const way of ways) if (way.pid !== undefined) note('memory at rest, MiB', way, memoryMib(way.pid));
  for (const way of ways)
    note('first request of the host, ms', way, await timed(async () => get(way, agentOf(await open(way)), '/1')));
  for (let round = 0; round < rounds; round += 1) {
    for (const way of ways) {
      await smallRequests(way);
      for (const clients of [1, 20, 200]) await throughput(way, clients);
      await transfer(way, 'down');
      await transfer(way, 'up');
      await manyTransfers(way);
    }
  }
  const rows = [...figures].map(([what, values]) => {
    const medians = ways.map(({ name }) => {
      const sorted = [...(values.get(name) ?? [])].sort((a, b) => a - b);
      return sorted.length === 0 ? '' : quantile(sorted, 0.5).toPrecision(3);
    });
    return `| ${[what, ...medians].join(' | ')} |`;
  });
  console.log(
    `| median of ${rounds} | ${ways.map(({ name }) => name).join(' | ')} |\n| --- | --- | --- | --- |\n${rows.join('\n')}`,
  );
} finally {
  squid.process.kill('SIGKILL');
  tool.kill();
  await stage.stop();
  rmSync(directory, { recursive: true, force: true });
}
