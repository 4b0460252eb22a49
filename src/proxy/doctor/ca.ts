import { X509Certificate } from 'node:crypto';
import type { KubeClient } from '../../shared/kube/kube-client.ts';
import type { ProxyConfig } from '../config.ts';
import { secretType } from '../secrets/kubernetes-secrets.ts';
import { parseSecret } from '../secrets/secret-source.ts';
import { caIn, caSecretName } from '../ca-secret.ts';
import type { CheckResult } from '../../shared/doctor/check-result.ts';
import { fail, ok, reasonOf } from '../../shared/doctor/check-result.ts';
import { readObject } from '../../shared/doctor/cluster-objects.ts';

const check = 'ca';

/** Checks that there is a valid CA that can sign. */
export async function checkCa(
  client: KubeClient,
  { namespace }: Pick<ProxyConfig, 'namespace'>,
  nowMs: number,
  signal: AbortSignal,
): Promise<CheckResult> {
  const what = `secret ${namespace}/${caSecretName}`;
  try {
    const object = await readObject(client, { type: secretType, namespace, name: caSecretName }, signal);
    const secret = object && parseSecret(object);
    if (secret === undefined) {
      const fix = 'a replica that runs makes it; the lines about permissions and the log say why not';
      return fail(check, `${what} does not exist`, fix);
    }
    // The first certificate signs. During a rotation the others can be about to expire.
    const { validTo } = new X509Certificate(caIn(secret).certificate);
    const day = new Date(validTo).toISOString().slice(0, 10);
    if (Date.parse(validTo) > nowMs) return ok(check, `the CA in ${what} is good until ${day}`);
    const problem = `the CA in ${what} has expired on ${day}, so that no program trusts the proxy`;
    return fail(check, problem, 'replace the Secret, or delete it so that the proxy makes another');
  } catch (error) {
    const fix = 'fix it, or delete it so that the proxy makes another';
    return fail(check, `${what} cannot be used: ${reasonOf(error)}`, fix);
  }
}
