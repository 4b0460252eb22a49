import type { IncomingMessage } from 'node:http';
import type { Clock } from '../clock.js';
import type { CheckResult } from './check-result.js';
import { fail, ok, warn } from './check-result.js';

/** Tokens carry times of the API server's clock; the Date header counts whole seconds. */
const skewWarnMs = 5_000;
/** A tenth of a token's usual lifetime of half an hour: with more, a rotation after 80 % of it comes too late. */
const skewFailMs = 180_000;

export interface ClockSample {
  /** Offset of the server's clock to this node's; undefined if the response has no date. */
  readonly aheadMs: number | undefined;
}

export function clockSampleOf({ headers }: IncomingMessage, clock: Clock): ClockSample {
  const serverMs = Date.parse(headers.date ?? '');
  return { aheadMs: Number.isNaN(serverMs) ? undefined : serverMs - clock.now() };
}

/** Checks that the clock of a server agrees with this node's. */
export function checkClock(server: string, taken: readonly ClockSample[]): CheckResult {
  const ahead = taken.flatMap(({ aheadMs }) => aheadMs ?? []);
  // Each is too large by up to a second and the latency: the smallest is the most accurate.
  const aheadMs = ahead.sort((a, b) => Math.abs(a) - Math.abs(b))[0];
  if (aheadMs === undefined) return warn('clock', `${server} sends no date`, 'compare the clocks by hand');
  const skewMs = Math.abs(aheadMs);
  if (skewMs < skewWarnMs) return ok('clock', `agrees with that of ${server}`);
  const problem = `this node is ${(skewMs / 1000).toFixed(0)} s ${aheadMs > 0 ? 'behind' : 'ahead of'} ${server}`;
  return (skewMs < skewFailMs ? warn : fail)('clock', problem, 'tokens expire early or late; set the clocks by NTP');
}
