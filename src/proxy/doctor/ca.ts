import type { KubeClient } from '../../shared/kube/kube-client.js';
import type { ProxyConfig } from '../config.js';
import { secretType } from '../secrets/kubernetes-secrets.js';
import { parseSecret } from '../secrets/secret-source.js';
import { caIn, caSecretName } from '../ca-secret.js';
import { checkCertificate } from '../../shared/doctor/certificate-life.js';
import { certificateBlocks } from '../../shared/pem.js';
import type { CheckResult } from '../../shared/doctor/check-result.js';
import { fail, reasonOf } from '../../shared/doctor/check-result.js';
import { askHealthPort } from '../../shared/doctor/readiness.js';
import { readObject } from '../../shared/doctor/cluster-objects.js';

const check = 'ca';

/** Checks that there is a valid CA that can sign, and that the proxy in this container uses it. */
export async function checkCa(
  client: KubeClient,
  config: Pick<ProxyConfig, 'namespace' | 'http-address'>,
  nowMs: number,
  signal: AbortSignal,
): Promise<readonly CheckResult[]> {
  const { namespace } = config;
  const what = `secret ${namespace}/${caSecretName}`;
  let certificate: string;
  try {
    const object = await readObject(client, { type: secretType, namespace, name: caSecretName }, signal);
    const secret = object && parseSecret(object);
    if (secret === undefined) {
      return [
        fail(
          check,
          `${what} does not exist`,
          'a replica that runs makes it; the lines about permissions and the log say why not',
        ),
      ];
    }
    ({ certificate } = caIn(secret));
  } catch (error) {
    return [
      fail(check, `${what} cannot be used: ${reasonOf(error)}`, 'fix it, or delete it so that the proxy makes another'),
    ];
  }
  const fix = 'replace the Secret, or delete it so that the proxy makes another; pods have it with the next refresh';
  // The first one signs. During a rotation the others can be about to expire.
  const [signer = certificate] = certificateBlocks(certificate);
  const life = checkCertificate(check, `the CA in ${what}`, signer, nowMs, fix);
  const served = await servedHere(config['http-address']);
  if (served === undefined || served === certificate) return [life];
  const problem = `this replica signs with another CA than that in ${what}`;
  return [life, fail(check, problem, 'it does not hear of changes: see its log, then restart it')];
}

/** Returns the CA that the proxy serves; undefined if it does not respond, which another line reports. */
async function servedHere(address: ProxyConfig['http-address']): Promise<string | undefined> {
  if (address === undefined) return undefined;
  try {
    const { status, text } = await askHealthPort(address, '/ca.crt');
    return status === 200 ? text : undefined;
  } catch {
    return undefined;
  }
}
