import type { ProxyConfig } from '../../../proxy/config.js';
import { trustFix } from '../../../proxy/server/handshake-failure.js';
import type { TrustFailure } from '../../../proxy/server/trust-failures.js';
import { trustFailuresPath } from '../../../proxy/server/trust-failures.js';
import { shownAge } from '../../shown-age.js';
import type { CheckResult } from '../check-result.js';
import { ok, reasonOf, warn } from '../check-result.js';
import { askHealthPort } from '../health-port.js';

const check = 'trust';
const maxClients = 20;

/** Reports the pods whose programs have rejected the certificates of this replica; one line per pod and program. */
export async function checkTrustFailures(
  { 'http-address': address }: Pick<ProxyConfig, 'http-address'>,
  nowMs: number,
): Promise<readonly CheckResult[]> {
  if (address === undefined) return [ok(check, 'not asked: --http-address is empty')];
  let found: readonly TrustFailure[];
  try {
    found = await readTrustFailures(address);
  } catch (error) {
    return [warn(check, `cannot be checked: ${reasonOf(error)}`, 'is the proxy running, with this --http-address?')];
  }
  if (found.length === 0) return [ok(check, 'no program has rejected the CA of this replica in the last hour')];
  const lines = found.slice(0, maxClients).map((failure) => {
    const { setting, host, reason, count, lastAtMs } = failure;
    const times = `${reason}, ${count === 1 ? 'once' : `${count} times`}, ${shownAge(nowMs - lastAtMs)} ago`;
    return warn(check, `a program of ${clientOf(failure)} does not trust ${host} (${times})`, trustFix(setting));
  });
  const rest = found.length - lines.length;
  if (rest === 0) return lines;
  return [...lines, warn(check, `${rest} more programs do not trust the CA`, 'the log of the proxy has their pods')];
}

async function readTrustFailures(address: NonNullable<ProxyConfig['http-address']>): Promise<readonly TrustFailure[]> {
  const { url, status, text } = await askHealthPort(address, trustFailuresPath);
  if (status !== 200) throw new Error(`${url} answers ${status}`);
  return JSON.parse(text) as readonly TrustFailure[];
}

function clientOf({ pod, serviceAccount }: TrustFailure): string {
  if (pod !== undefined) return `pod ${pod}`;
  return serviceAccount === undefined ? 'a user without a pod' : `serviceaccount ${serviceAccount}`;
}
