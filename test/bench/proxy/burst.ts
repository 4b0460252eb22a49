import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { proxyLimits } from '../../../src/proxy/limits.ts';
import { median, timed } from '../publish/statistics.ts';
import { open } from './tunnel-client.ts';
import type { MeasuredWay, Note } from './ways.ts';
import { cpuTimeOf } from './ways.ts';

const clients = 200;
const pauseMs = proxyLimits.toolSockets.idleMs + 2_000;

/** Bursts of a process. Its figure is their median. */
const repeats = 3;

/** Measures requests that many clients send at once, after a pause in which connections to tools have become too old. */
export async function measureBurst(way: MeasuredWay, note: Note): Promise<void> {
  const sockets: Socket[] = [];
  const medians: number[] = [];
  const slowest: number[] = [];
  const cpu: number[] = [];
  try {
    for (let count = 0; count < clients; count += 1) sockets.push(await open(way));
    const ask = (): Promise<number[]> => Promise.all(sockets.map((socket) => timed(() => small(way, socket))));
    await ask();
    for (let count = 0; count < repeats; count += 1) {
      await sleep(pauseMs);
      const before = cpuTimeOf(way.pid);
      const took = await ask();
      medians.push(median(took));
      slowest.push(Math.max(...took));
      if (way.pid !== undefined) cpu.push((cpuTimeOf(way.pid).all - before.all) / clients);
    }
    note('burst of 200 after a pause, p50, ms', way, median(medians));
    note('burst of 200 after a pause, slowest, ms', way, median(slowest));
    if (way.pid !== undefined) note('CPU time of a request, burst, ms', way, median(cpu));
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}

/** One request for one byte. Node's client would close the connection before the pause is over. */
function small({ host, port }: MeasuredWay, socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    let received = '';
    const add = (chunk: Buffer): void => {
      received += chunk.toString('latin1');
      if (!received.endsWith('\r\n\r\nx')) return;
      socket.off('data', add).off('close', fail);
      if (received.startsWith('HTTP/1.1 200 ')) resolve();
      else reject(new Error(`burst: ${received}`));
    };
    const fail = (): void => reject(new Error(`burst: closed after "${received}"`));
    socket.on('data', add).once('close', fail);
    if (socket.destroyed) fail();
    socket.write(`GET /1 HTTP/1.1\r\nHost: ${host}:${port}\r\n\r\n`);
  });
}
