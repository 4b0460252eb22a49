import { lookup } from 'node:dns';
import type { ProxyConfig } from '../config.ts';
import type { CheckResult } from '../../shared/doctor/check-result.ts';
import { ok } from '../../shared/doctor/check-result.ts';
import { connectMs, egressProxyOf } from '../configured-egress.ts';
import { ConnectTimeout, openSocket } from '../tool/tool-connector.ts';
import { systemRoots, TrustStoreCache } from '../tool/trust.ts';

const check = 'egress-proxy';
/** A name that never exists (RFC 2606): the check is about the proxy, not about a tool. */
const host = 'doctor.invalid';

/** Checks that the egress proxy responds and accepts the credentials. Without one, there is nothing to check. */
export async function checkEgress(config: ProxyConfig): Promise<readonly CheckResult[]> {
  const egress = egressProxyOf(config, new TrustStoreCache(systemRoots()), () => false);
  if (egress === undefined) return [];
  try {
    const socket = openSocket(egress.origin.host, egress.origin.port, lookup, egress.trust());
    const timer = setTimeout(() => socket.destroy(new ConnectTimeout()), connectMs);
    const status = await egress.connect(socket, host, 443).finally(() => {
      clearTimeout(timer);
      socket.destroy();
    });
    if (status === 407) egress.ensureTunnel(status, host, 443);
    return [ok(check, `${egress.name} responds, and asks for no other credentials (${status} for ${host})`)];
  } catch (error) {
    return [{ level: 'fail', check, text: error instanceof Error ? error.message : String(error) }];
  }
}
