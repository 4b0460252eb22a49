import { Agent, request } from 'node:https';
import type { ClusterConfig } from '../kube/cluster-config.js';
import type { Clock } from '../clock.js';
import type { CheckResult } from './check-result.js';
import { fail, ok, reasonOf, warn } from './check-result.js';

const samples = 3;
const answerTimeoutMs = 10_000;
const slowMs = 250;

/** Tokens carry times of the API server's clock; the Date header counts whole seconds. */
const skewWarnMs = 5_000;
/** A tenth of a token's usual lifetime of half an hour: with more, a rotation after 80 % of it comes too late. */
const skewFailMs = 180_000;

interface Sample {
  readonly durationMs: number;
  /** Offset of the server's clock to this node's; undefined if the response has no date. */
  readonly aheadMs: number | undefined;
}

/**
 * Checks the latency of the API server on an open connection, and that its clock agrees with this node's.
 * @param now a monotonic clock in milliseconds.
 */
export async function checkApiServer(
  cluster: ClusterConfig,
  clock: Clock,
  now: () => number,
): Promise<readonly CheckResult[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    const taken: Sample[] = [];
    // The first sample opens the connection.
    for (let index = 0; index <= samples; index += 1) taken.push(await sample(cluster, agent, clock, now));
    return [checkLatency(taken.slice(1)), checkClock(taken)];
  } catch (error) {
    const fix = 'is the address right, and does a NetworkPolicy or proxy stand between?';
    return [fail('api-server', `https://${cluster.host}:${cluster.port} cannot be reached: ${reasonOf(error)}`, fix)];
  } finally {
    agent.destroy();
  }
}

function checkLatency(taken: readonly Sample[]): CheckResult {
  const fastestMs = Math.min(...taken.map(({ durationMs }) => durationMs));
  const text = `answers within ${fastestMs.toFixed(0)} ms`;
  if (fastestMs < slowMs) return ok('api-server', text);
  return warn(
    'api-server',
    `${text}, the fastest of ${samples} times`,
    'first mounts are slow; is it under pressure or far away?',
  );
}

function sample(cluster: ClusterConfig, agent: Agent, clock: Clock, now: () => number): Promise<Sample> {
  const { ca, clientCertificate, clientKey, serverName, isInsecure } = cluster.readTls();
  const token = cluster.token?.current();
  const startedMs = now();
  return new Promise((resolve, reject) => {
    const call = request({
      agent,
      host: cluster.host,
      port: cluster.port,
      path: `${cluster.basePath}/version`,
      headers: token === undefined ? {} : { authorization: `Bearer ${token.expose()}` },
      rejectUnauthorized: !isInsecure,
      signal: AbortSignal.timeout(answerTimeoutMs),
      ...(ca === undefined ? {} : { ca }),
      ...(clientCertificate === undefined ? {} : { cert: clientCertificate }),
      ...(clientKey === undefined ? {} : { key: clientKey.expose() }),
      ...(serverName === undefined ? {} : { servername: serverName }),
    });
    call.on('error', reject);
    // Any status will do: latency and date do not depend on it, and other lines check credentials.
    call.on('response', (response) => {
      const serverMs = Date.parse(response.headers.date ?? '');
      const aheadMs = Number.isNaN(serverMs) ? undefined : serverMs - clock.now();
      response.on('error', reject);
      response.resume().on('end', () => resolve({ durationMs: now() - startedMs, aheadMs }));
    });
    call.end();
  });
}

/** Checks that the clock of the API server agrees with this node's. */
function checkClock(taken: readonly Sample[]): CheckResult {
  const ahead = taken.flatMap(({ aheadMs }) => aheadMs ?? []);
  // Each is too large by up to a second and the latency: the smallest is the most accurate.
  const aheadMs = ahead.sort((a, b) => Math.abs(a) - Math.abs(b))[0];
  if (aheadMs === undefined) return warn('clock', 'the API server sends no date', 'compare the clocks by hand');
  const skewMs = Math.abs(aheadMs);
  if (skewMs < skewWarnMs) return ok('clock', 'agrees with that of the API server');
  const problem = `this node is ${(skewMs / 1000).toFixed(0)} s ${aheadMs > 0 ? 'behind' : 'ahead of'} the API server`;
  return (skewMs < skewFailMs ? warn : fail)('clock', problem, 'tokens expire early or late; set the clocks by NTP');
}
