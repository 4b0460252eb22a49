import type { MeasuredWay, Note } from './ways.ts';
import { cpuTimeOf } from './ways.ts';
import type { Wrk } from './wrk.ts';

/** Path of a response of one byte. */
const small = '/1';
const seconds = 2;
/** Longer for many clients, so that their first requests, with a handshake each, are less than one in a hundred. */
const manySeconds = 6;
/** V8 compiles most of what a request uses in the first 40,000. */
const warmingRequests = 100_000;

/** Clients that send small requests, each one the next request after the response. */
export const loads = [
  { name: 'kept connection', clients: 1, seconds, path: small },
  { name: 'fresh connections', clients: 1, seconds: 1, path: small, isFresh: true },
  { name: '20 clients', clients: 20, seconds, path: small },
  { name: '200 clients', clients: 200, seconds: manySeconds, path: small },
] as const;

/** Measures the time of a new process from its first request to full speed. */
export async function warm(wrk: Wrk, way: MeasuredWay, note: Note): Promise<void> {
  if (way.pid === undefined) return;
  // Once in some runs, Squid closes a connection without a response.
  const failures = way.name === 'Squid' ? 3 : 0;
  for (let served = 0; served < warmingRequests;) {
    const before = cpuTimeOf(way.pid);
    const { requests } = await wrk.run(way, { clients: 20, seconds: served === 0 ? 2 : 5, path: small, failures });
    if (served === 0)
      note('CPU time of a request, first 2 s, ms', way, (cpuTimeOf(way.pid).all - before.all) / requests);
    served += requests;
  }
}

/** Measures one load of small requests. */
export async function measureRequests(
  wrk: Wrk,
  way: MeasuredWay,
  load: (typeof loads)[number],
  note: Note,
): Promise<void> {
  const { pid } = way;
  const before = cpuTimeOf(pid);
  const { p50, p99, requests, seconds: took } = await wrk.run(way, load);
  const after = cpuTimeOf(pid);
  const { name } = load;
  // wrk does not count the opening of a connection as part of a request.
  if (name === 'fresh connections') note('fresh connection, ms', way, (took * 1000) / requests);
  else {
    note(`${name}, p50, ms`, way, p50);
    note(`${name}, p99, ms`, way, p99);
    note(`requests a second, ${name}`, way, requests / took);
  }
  if (pid === undefined) return;
  note(`CPU time of a request, ${name}, ms`, way, (after.all - before.all) / requests);
  note(`CPU time of a request, ${name}, main thread, ms`, way, (after.main - before.main) / requests);
}
