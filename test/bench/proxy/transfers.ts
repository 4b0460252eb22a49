import { execFile } from 'node:child_process';
import { truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { timed } from '../publish/statistics.ts';
import type { MeasuredWay, Note } from './ways.ts';
import { cpuTimeOf, residentMib } from './ways.ts';
import type { Wrk } from './wrk.ts';

const run = promisify(execFile);
const gibibyte = 2 ** 30;
const many = { clients: 200, seconds: 6, path: `/${4 * 2 ** 20}` } as const;

/** An upload as clients of registries send it, or as curl does by default, which waits for `100 Continue`. */
export const directions = ['down', 'up', 'up with Expect'] as const;
type Direction = (typeof directions)[number];

/** 1 GiB by curl. @param directory that it may fill; files of holes cost no disk. */
export async function measureTransfer(
  way: MeasuredWay,
  direction: Direction,
  directory: string,
  note: Note,
): Promise<void> {
  const authorityFile = path.join(directory, 'authority.pem');
  writeFileSync(authorityFile, way.authority);
  const layer = path.join(directory, 'layer');
  writeFileSync(layer, '');
  truncateSync(layer, gibibyte);
  const { host, port, proxy, pid } = way;
  const through =
    proxy === undefined
      ? ['--resolve', `${host}:${port}:127.0.0.1`]
      : ['--proxy', `http://${proxy.login}@127.0.0.1:${proxy.port}`];
  const upload = direction === 'down' ? [] : ['-T', layer, ...(direction === 'up' ? ['-H', 'Expect:'] : [])];
  const args = ['-sSf', '--noproxy', '', '--cacert', authorityFile, '-o', '/dev/null', ...upload, ...through];
  const before = cpuTimeOf(pid);
  const tookMs = await timed(() => run('curl', [...args, `https://${host}:${port}/${gibibyte}`]));
  note(`1 GiB ${direction}, s`, way, tookMs / 1000);
  if (pid !== undefined) note(`CPU time of 1 GiB ${direction}, s`, way, (cpuTimeOf(pid).all - before.all) / 1000);
}

/** The memory of 200 transfers at once. */
export async function measureManyTransfers(wrk: Wrk, way: MeasuredWay, note: Note): Promise<void> {
  const { pid } = way;
  if (pid === undefined) return;
  let most = 0;
  const look = setInterval(() => (most = Math.max(most, residentMib(pid))), 20);
  try {
    await wrk.run(way, many);
  } finally {
    clearInterval(look);
  }
  note('memory under 200 transfers, MiB', way, most);
}
