import { request } from 'node:https';
import type { ClusterConfig } from '../kube/cluster-config.ts';
import type { Clock } from '../clock.ts';
import type { CheckResult } from './check-result.ts';
import { fail, ok, reasonOf, warn } from './check-result.ts';
import { responseTo } from './response.ts';

const answerTimeoutMs = 10_000;

/** Tokens carry times of the API server's clock; the Date header counts whole seconds. */
const skewWarnMs = 5_000;
/** A tenth of a token's usual lifetime of half an hour: with more, a rotation after 80 % of it comes too late. */
const skewFailMs = 180_000;

/** Checks that the API server responds, and that its clock agrees with this node's. */
export async function checkApiServer(cluster: ClusterConfig, clock: Clock): Promise<readonly CheckResult[]> {
  const origin = `https://${cluster.host}:${cluster.port}`;
  try {
    const date = await dateOf(cluster);
    return [ok('api-server', `${origin} responds`), checkClock(Date.parse(date) - clock.now())];
  } catch (error) {
    const fix = 'is the address right, and does a NetworkPolicy or proxy stand between?';
    return [fail('api-server', `${origin} cannot be reached: ${reasonOf(error)}`, fix)];
  }
}

/** Returns the Date header of a response; empty without one. */
async function dateOf(cluster: ClusterConfig): Promise<string> {
  const { ca, serverName, isInsecure } = cluster.readTls();
  const call = request({
    agent: false,
    host: cluster.host,
    port: cluster.port,
    path: `${cluster.basePath}/version`,
    rejectUnauthorized: !isInsecure,
    signal: AbortSignal.timeout(answerTimeoutMs),
    ...(ca === undefined ? {} : { ca }),
    ...(serverName === undefined ? {} : { servername: serverName }),
  });
  // Any status will do, such as 401: other lines check credentials.
  const { headers } = await responseTo(call);
  return headers.date ?? '';
}

/** @param aheadMs offset of the API server's clock to this node's, up to a second too small; NaN without a date. */
function checkClock(aheadMs: number): CheckResult {
  if (Number.isNaN(aheadMs)) return warn('clock', 'the API server sends no date', 'compare the clocks by hand');
  const skewMs = Math.abs(aheadMs);
  if (skewMs < skewWarnMs) return ok('clock', 'agrees with that of the API server');
  const problem = `this node is ${(skewMs / 1000).toFixed(0)} s ${aheadMs > 0 ? 'behind' : 'ahead of'} the API server`;
  return (skewMs < skewFailMs ? warn : fail)('clock', problem, 'tokens expire early or late; set the clocks by NTP');
}
