import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { proxyLimits } from '../../../src/proxy/limits.ts';
import { median, timed } from '../publish/statistics.ts';
import { open } from './tunnel-client.ts';
import type { MeasuredWay, Note } from './ways.ts';
import { cpuTimeOf } from './ways.ts';

const clients = 200;
const pauseMs = proxyLimits.toolSockets.idleMs + 2_000;

/** Bursts of each process. */
const repeats = 3;

/** Measures requests that many clients send at once, after a pause in which connections to tools have become too old. */
export async function measureBursts(ways: readonly MeasuredWay[], note: Note): Promise<void> {
  const bursts: { readonly way: MeasuredWay; readonly sockets: Socket[] }[] = [];
  try {
    for (const way of ways) {
      const sockets: Socket[] = [];
      bursts.push({ way, sockets });
      for (let count = 0; count < clients; count += 1) sockets.push(await open(way));
      await ask(way, sockets);
    }
    for (let count = 0; count < repeats; count += 1) {
      await sleep(pauseMs);
      for (const { way, sockets } of bursts) {
        const before = cpuTimeOf(way.pid);
        const took = await ask(way, sockets);
        note('burst of 200 after a pause, p50, ms', way, median(took));
        note('burst of 200 after a pause, slowest, ms', way, Math.max(...took));
        if (way.pid !== undefined)
          note('CPU time of a request, burst, ms', way, (cpuTimeOf(way.pid).all - before.all) / clients);
      }
    }
  } finally {
    for (const { sockets } of bursts) for (const socket of sockets) socket.destroy();
  }
}

function ask(way: MeasuredWay, sockets: readonly Socket[]): Promise<number[]> {
  return Promise.all(sockets.map((socket) => timed(() => small(way, socket))));
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
