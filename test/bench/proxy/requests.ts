import { latencyOf, timed } from '../publish/statistics.js';
import { agentOf, get, open } from './tunnel-client.js';
import type { MeasuredWay, Note } from './ways.js';
import { cpuSeconds } from './ways.js';

export const clientCounts = [1, 20, 200] as const;

const kept = { warmUp: 100, measured: 1000 } as const;
const freshCount = 200;
const throughputMs = 3_000;

/** The path of an answer of one byte. */
const small = '/1';

/** One client's requests, one after the other. */
export async function measureLatency(way: MeasuredWay, note: Note): Promise<void> {
  const socket = await open(way);
  const agent = agentOf(socket);
  const request = (): Promise<number> => get(way, agent, small);
  for (let at = 0; at < kept.warmUp; at += 1) await request();
  const onKept = latencyOf(await samples(kept.measured, request));
  socket.destroy();
  note('small request, kept connection, p50 ms', way, onKept.p50);
  note('small request, kept connection, p99 ms', way, onKept.p99);
  const onFresh = latencyOf(
    await samples(freshCount, async () => {
      const own = await open(way);
      await get(way, agentOf(own), small);
      own.destroy();
    }),
  );
  note('small request, fresh connection, p50 ms', way, onFresh.p50);
  note('small request, fresh connection, p99 ms', way, onFresh.p99);
}

/** Clients with a connection each, all of which ask again as soon as they are answered. */
export async function measureThroughput(way: MeasuredWay, clients: number, note: Note): Promise<void> {
  const sockets = await Promise.all(Array.from({ length: clients }, () => open(way)));
  const before = way.pid === undefined ? 0 : cpuSeconds(way.pid);
  const startMs = performance.now();
  const took: number[] = [];
  await Promise.all(
    sockets.map(async (socket) => {
      const agent = agentOf(socket);
      while (performance.now() < startMs + throughputMs) took.push(await timed(() => get(way, agent, small)));
      socket.destroy();
    }),
  );
  const who = clients === 1 ? '1 client' : `${clients} clients`;
  const seconds = (performance.now() - startMs) / 1000;
  const { p50, p99 } = latencyOf(took);
  note(`requests a second, ${who}`, way, took.length / seconds);
  note(`${who}, p50 ms`, way, p50);
  note(`${who}, p99 ms`, way, p99);
  if (way.pid === undefined) return;
  const usedMs = (cpuSeconds(way.pid) - before) * 1000;
  note(`processor time of a request, ${who}, ms`, way, usedMs / took.length);
}

async function samples(count: number, work: () => Promise<unknown>): Promise<number[]> {
  const all: number[] = [];
  for (let at = 0; at < count; at += 1) all.push(await timed(work));
  return all;
}
