import type { KubeClient } from '../../../kube/kube-client.js';
import type { ProxyConfig } from '../../../proxy/config.js';
import { secretType } from '../../../proxy/credential/kubernetes-secrets.js';
import { parseSecret } from '../../../proxy/credential/secret-source.js';
import { caIn, caSecretName } from '../../../proxy/ca-secret.js';
import { checkCertificate } from '../certificate-life.js';
import { checkRotation, signingChain } from './ca-rotation.js';
import type { CheckResult } from '../check-result.js';
import { fail, reasonOf } from '../check-result.js';
import { askHealthPort } from '../health-port.js';
import { readObject } from '../read-object.js';

const check = 'ca';

export interface FoundCa {
  readonly results: readonly CheckResult[];
  /** PEM of the proxy's CA certificate; undefined if it cannot be read. */
  readonly certificate: string | undefined;
}

/** Checks that there is a valid CA that can sign, and that the proxy in this container uses it. */
export async function checkCa(
  client: KubeClient,
  config: Pick<ProxyConfig, 'namespace' | 'http-address'>,
  nowMs: number,
  signal: AbortSignal,
): Promise<FoundCa> {
  const { namespace } = config;
  const what = `secret ${namespace}/${caSecretName}`;
  const failing = (problem: string, fix: string): FoundCa => ({
    results: [fail(check, problem, fix)],
    certificate: undefined,
  });
  let certificate: string;
  try {
    const object = await readObject(client, { type: secretType, namespace, name: caSecretName }, signal);
    const secret = object && parseSecret(object);
    if (secret === undefined) {
      return failing(
        `${what} does not exist`,
        'a replica that runs makes it; the lines about permissions and the log say why not',
      );
    }
    ({ certificate } = caIn(secret));
  } catch (error) {
    return failing(
      `${what} cannot be used: ${reasonOf(error)}`,
      'fix it, or delete it so that the proxy makes another',
    );
  }
  const fix = 'replace the Secret, or delete it so that the proxy makes another; pods have it with the next refresh';
  const life = checkCertificate(check, `the CA in ${what}`, signersOf(certificate), nowMs, fix);
  const results = life.level === 'fail' ? [life] : [life, checkRotation(what, certificate)];
  const served = await servedHere(config['http-address']);
  if (served === undefined || served === certificate) return { results, certificate };
  const problem = `this replica signs with another CA than that in ${what}`;
  return {
    results: [...results, fail(check, problem, 'it does not hear of changes: see its log, then restart it')],
    certificate,
  };
}

/** Returns the certificates that must be valid. During a rotation the other ones can be about to expire. */
function signersOf(bundle: string): string {
  try {
    return signingChain(bundle);
  } catch {
    // Malformed, which the check of the whole reports.
    return bundle;
  }
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
