import { hostname } from 'node:os';
import { jsonMember } from '../../../json.js';
import type { JsonObject } from '../../../json.js';
import type { KubeClient } from '../../../kube/kube-client.js';
import { isKubeError } from '../../../kube/kube-error.js';
import type { ProxyConfig } from '../../../proxy/config.js';
import { leaseTimings, leaseType } from '../../../proxy/status/leader-elector.js';
import type { CheckResult } from '../check-result.js';
import { fail, ok, unchecked } from '../check-result.js';

const check = 'lease';

/** Checks that a replica writes status, and names it. */
export async function checkLease(
  client: KubeClient,
  { namespace, service: name }: Pick<ProxyConfig, 'namespace' | 'service'>,
  nowMs: number,
  signal: AbortSignal,
): Promise<CheckResult> {
  const what = `lease ${namespace}/${name}`;
  const free = 'is a replica ready? Its log says why it cannot acquire the Lease';
  let lease: JsonObject;
  try {
    lease = await client.get({ type: leaseType, namespace, name }, { signal, retry: false });
  } catch (error) {
    if (isKubeError(error, 404)) return fail(check, `${what} does not exist, so that no replica writes status`, free);
    return unchecked(check, error, `${what} cannot be read`);
  }
  const [holder, renewTime] = ['holderIdentity', 'renewTime'].map((key) => jsonMember(lease['spec'], key));
  if (typeof holder !== 'string' || holder === '')
    return fail(check, `${what} has no holder, so that no replica writes status`, free);
  const [pod = ''] = holder.split('_');
  const whose = pod === hostname() ? `${pod}, this replica` : pod;
  const ageMs = nowMs - Date.parse(typeof renewTime === 'string' ? renewTime : '');
  if (ageMs <= durationMs(lease)) {
    return ok(check, `${what} is held by ${whose}, renewed ${Math.max(0, Math.round(ageMs / 1000))} s ago`);
  }
  const since = Number.isNaN(ageMs) ? 'never renewed' : `not renewed for ${Math.round(ageMs / 1000)} s`;
  return fail(check, `${what} is held by ${whose}, and ${since}, so that no replica writes status`, free);
}

function durationMs(lease: JsonObject): number {
  const seconds = jsonMember(lease['spec'], 'leaseDurationSeconds');
  return typeof seconds === 'bigint' ? Number(seconds) * 1000 : leaseTimings.durationMs;
}
