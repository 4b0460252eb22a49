import { SignJWT } from 'jose';
import type { JWTPayload } from 'jose';
import { orThrow } from '../../../shared/errors.ts';
import { parsedOnce } from '../../../shared/per-object.ts';
import type { Secret } from '../../../shared/secret.ts';
import { privateKeyIn, rsaProblem } from '../private-key.ts';
import type { SecretObject } from '../../secrets/secret-source.ts';
import { unusableSecret } from '../../secrets/secret-source.ts';

/**
 * Signs a JSON Web Token with RS256, which every provider accepts.
 * @param header further members, such as `kid`.
 */
export type Signer = (claims: JWTPayload, header?: Readonly<Record<string, string>>) => Promise<string>;

const parsed = parsedOnce(({ data }: SecretObject): Signer => {
  const pem = data.get('privateKey');
  if (pem === undefined) throw unusableSecret('it has no privateKey', 'add the key privateKey');
  return signerOf(pem, 'privateKey');
});

/** Returns the signer with the `privateKey` of a Secret, parsed once. @throws {CodedError} */
export function signerIn(secret: SecretObject): Signer {
  return orThrow(parsed(secret));
}

/** Returns the signer with an RSA key. @throws {CodedError} */
export function signerOf(pem: Secret, name: string): Signer {
  const key = privateKeyIn(pem.expose());
  const problem = key?.asymmetricKeyType === 'rsa' ? rsaProblem(key) : 'is not one unencrypted RSA key in PEM';
  if (key === undefined || problem !== undefined) {
    throw unusableSecret(`its ${name} ${problem ?? ''}`, 'use an RSA key of 2048 to 4096 bits');
  }
  return (claims, header = {}) =>
    new SignJWT(claims).setProtectedHeader({ typ: 'JWT', ...header, alg: 'RS256' }).sign(key);
}
