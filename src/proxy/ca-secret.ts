import { Secret } from '../shared/secret.js';
import type { CertificateAuthority } from './certificates/certificate-authority.js';
import { parseCa } from './certificates/certificate-authority.js';
import type { SecretObject } from './secrets/secret-source.js';

/** Name of the Secret with the CA, in the proxy's namespace. */
export const caSecretName = 'connectors-proxy-ca';

/**
 * Parses the CA in a Secret.
 * @throws {CodedError} FAILED_PRECONDITION if the Secret contains no CA.
 */
export function caIn({ data, ref }: SecretObject): CertificateAuthority {
  const certificate = data.get('tls.crt')?.expose() ?? '';
  const key = data.get('tls.key') ?? new Secret('');
  return parseCa({ certificate, key }, `secret ${ref.namespace}/${ref.name}`);
}
