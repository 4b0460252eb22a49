import type { ClusterConfig } from '../kube/cluster-config.ts';
import { KubeClient } from '../kube/kube-client.ts';
import type { ProgramName } from '../kube/kube-error.ts';
import { loadClusterConfig } from '../kube/load-cluster-config.ts';
import { noObserver } from '../kube/observer.ts';
import { kubeTimings } from '../kube/timings.ts';
import type { commonFlags } from '../process/common-flags.ts';
import type { FlagValues } from '../process/flags.ts';
import type { ListenAddress } from '../process/listen.ts';
import { version } from '../version.ts';
import type { Clock } from '../clock.ts';
import type { CheckResult } from './check-result.ts';
import { fail, ok, reasonOf, warn } from './check-result.ts';
import { request } from 'node:https';
import { responseTo } from './response.ts';

/** Flags of a program to check. The driver can have another source than the API server. */
type CheckedFlags = FlagValues<typeof commonFlags> & { readonly 'connector-source'?: string };

/** A program to check, and what it is checked with. */
export interface DiagnosticContext<Config extends CheckedFlags> {
  readonly config: Config;
  /** Returns the access to the API server. @throws {CodedError} if there is none. */
  readonly cluster: () => ClusterConfig;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Timeout of the request for the readiness, in milliseconds. */
const timeoutMs = 5_000;
/** The work of a program that is ready. */
const tasks: Readonly<Record<ProgramName, string>> = { driver: 'publish', proxy: 'serve' };
const monotonicNow = (): number => performance.now();

/** Returns the context of the program that runs with this configuration and environment. */
export function contextOf<Config extends CheckedFlags>(
  config: Config,
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): DiagnosticContext<Config> {
  const cluster = (): ClusterConfig => loadClusterConfig(config, env, monotonicNow);
  return { config, cluster, clock: { now: () => Date.now() }, signal };
}

/**
 * Checks the readiness of a program and the API server.
 * @param checks further checks, with the program's service account.
 */
export async function checkProgram(
  program: ProgramName,
  { config, cluster, clock }: DiagnosticContext<CheckedFlags>,
  checks: (client: KubeClient) => Promise<readonly CheckResult[]>,
): Promise<readonly CheckResult[]> {
  const readiness = await checkReadiness(config['http-address'], program);
  if (config['connector-source'] === 'directory') {
    return [readiness, ok('api-server', 'not used: --connector-source directory')];
  }
  let target: ClusterConfig;
  try {
    target = cluster();
  } catch (error) {
    const text = `${reasonOf(error)}, or run it in the container of the ${program}`;
    return [readiness, { level: 'fail', check: 'api-server', text }];
  }
  const client = new KubeClient({
    config: target,
    timings: kubeTimings,
    clock: { now: monotonicNow, random: Math.random },
    observer: noObserver,
    userAgent: `connectors-csi/${version} doctor`,
    program,
  });
  try {
    return [readiness, ...(await checkApiServer(target, clock)), ...(await checks(client))];
  } finally {
    client.close();
  }
}

/** Reports the readiness of the program in doctor's container, by /readyz: only its own process knows. */
async function checkReadiness(address: ListenAddress | undefined, program: ProgramName): Promise<CheckResult> {
  const check = 'readiness';
  if (address === undefined) return ok(check, 'not asked: --http-address is empty');
  const host = address.host ?? '127.0.0.1';
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${address.port}/readyz`;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
    const text = await response.text();
    if (response.status === 200) return ok(check, `the ${program} can ${tasks[program]}`);
    const fix = `the lines that fail here and the log of the ${program} say why`;
    return fail(check, `the ${program} cannot ${tasks[program]}: ${text.trim()}`, fix);
  } catch (error) {
    const { cause = error } = error as { readonly cause?: unknown };
    const fix = `is the ${program} running, with this --http-address?`;
    return fail(check, `no response from ${url}: ${reasonOf(cause)}`, fix);
  }
}

const answerTimeoutMs = 10_000;

/** Tokens carry times of the API server's clock; the Date header counts whole seconds. */
const skewWarnMs = 5_000;
/** A tenth of a token's usual lifetime of half an hour: with more, a rotation after 80 % of it comes too late. */
const skewFailMs = 180_000;

/** Checks that the API server responds, and that its clock agrees with this node's. */
async function checkApiServer(cluster: ClusterConfig, clock: Clock): Promise<readonly CheckResult[]> {
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
