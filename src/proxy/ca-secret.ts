import { Secret } from '../shared/secret.ts';
import type { CertificateAuthority } from './certificates/certificate-authority.ts';
import { parseCa } from './certificates/certificate-authority.ts';
import type { SecretObject } from './secrets/secret-source.ts';

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
