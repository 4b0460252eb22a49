import type { ProxyConfig } from '../../../proxy/config.js';
import type { Dial } from '../send-connect.js';
import { sendConnect } from '../send-connect.js';
import type { CheckResult } from '../check-result.js';
import { fail, ok, reasonOf } from '../check-result.js';

const check = 'service';

/**
 * Checks that a replica of the proxy responds at an address of the Service.
 * @param caCerts PEM, to verify an https URL.
 */
export async function checkService(
  url: string,
  caCerts: string | undefined,
  { service, namespace }: Pick<ProxyConfig, 'service' | 'namespace'>,
  dial: Dial | undefined,
): Promise<CheckResult> {
  try {
    const status = await sendConnect(url, caCerts, dial);
    if (status === 407) return ok(check, `${url} asks for a token`);
    const answer =
      status === undefined ? 'does not speak HTTP' : `answers ${status} where a proxy asks for a token (407)`;
    const fix = 'does the selector of the Service choose the pods of the proxy, or does a service mesh answer?';
    return fail(check, `${url} ${answer}`, fix);
  } catch (error) {
    const problem = `${url} cannot be reached: ${reasonOf(error)}`;
    if ((error as NodeJS.ErrnoException).syscall === 'getaddrinfo') {
      const fix = `is there a Service ${namespace}/${service}? Apply deploy/proxy, or fix --service, --namespace or --cluster-domain`;
      return fail(check, problem, fix);
    }
    return fail(
      check,
      problem,
      'has the Service ready endpoints (the line "readiness"), and does a NetworkPolicy stand between?',
    );
  }
}
