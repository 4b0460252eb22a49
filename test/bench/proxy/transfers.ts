import { execFile } from 'node:child_process';
import { truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { timed } from '../publish/statistics.js';
import { agentOf, get, open } from './tunnel-client.js';
import type { MeasuredWay, Note } from './ways.js';
import { cpuSeconds, residentMib } from './ways.js';

const run = promisify(execFile);
const gibibyte = 2 ** 30;
const many = { transfers: 200, bytes: 4 * 2 ** 20 } as const;

/** 1 GiB by curl. @param directory that it may fill; files of holes cost no disk. */
export async function measureTransfer(
  way: MeasuredWay,
  direction: 'down' | 'up',
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
  const upload = direction === 'up' ? ['-T', layer] : [];
  const args = ['-sSf', '--noproxy', '', '--cacert', authorityFile, '-o', '/dev/null', ...upload, ...through];
  const before = pid === undefined ? 0 : cpuSeconds(pid);
  const tookMs = await timed(() => run('curl', [...args, `https://${host}:${port}/${gibibyte}`]));
  note(`1 GiB ${direction}, s`, way, tookMs / 1000);
  if (pid !== undefined) note(`processor time of 1 GiB ${direction}, s`, way, cpuSeconds(pid) - before);
}

/** 200 transfers at once, which the machine cannot serve as fast as they come. */
export async function measureManyTransfers(way: MeasuredWay, note: Note): Promise<void> {
  const { pid } = way;
  if (pid === undefined) return;
  let most = 0;
  const look = setInterval(() => (most = Math.max(most, residentMib(pid))), 20);
  await Promise.all(
    Array.from({ length: many.transfers }, async () => {
      const socket = await open(way);
      await get(way, agentOf(socket), `/${many.bytes}`);
      socket.destroy();
    }),
  );
  clearInterval(look);
  note('memory under 200 transfers, MiB', way, most);
}
