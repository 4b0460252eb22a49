import { SignJWT } from 'jose';
import type { JWTPayload } from 'jose';
import { perObject } from '../../../shared/per-object.ts';
import type { Secret } from '../../../shared/secret.ts';
import { privateKeyIn, rsaProblem } from '../private-key.ts';
import type { SecretObject } from '../../secrets/secret-source.ts';
import type { KeyProblem } from './issuer.ts';

/** Signs JSON Web Tokens with RS256, which every provider accepts. */
export interface SigningKey {
  /** @param header further members, such as `kid`. */
  sign(claims: JWTPayload, header?: Readonly<Record<string, string>>): Promise<string>;
}

/** Returns the `privateKey` of a Secret, parsed once. */
export const signingKeyIn = perObject(({ data }: SecretObject): SigningKey | KeyProblem => {
  const pem = data.get('privateKey');
  return pem === undefined
    ? { problem: 'it has no privateKey', fix: 'add the key privateKey' }
    : parseSigningKey(pem, 'privateKey');
});

/** Parses an RSA key. */
export function parseSigningKey(pem: Secret, name: string): SigningKey | KeyProblem {
  const key = privateKeyIn(pem.expose());
  if (key?.asymmetricKeyType !== 'rsa') return unusable(name, 'is not one unencrypted RSA key in PEM');
  const problem = rsaProblem(key);
  if (problem !== undefined) return unusable(name, problem);
  return {
    sign: (claims, header = {}) =>
      new SignJWT(claims).setProtectedHeader({ typ: 'JWT', ...header, alg: 'RS256' }).sign(key),
  };
}

function unusable(name: string, problem: string): KeyProblem {
  return { problem: `its ${name} ${problem}`, fix: 'use an RSA key of 2048 to 4096 bits' };
}
