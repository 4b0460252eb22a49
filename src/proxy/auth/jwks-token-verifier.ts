import { readFileSync } from 'node:fs';
import type { JSONWebKeySet, JWTPayload } from 'jose';
import { createLocalJWKSet, errors, jwtVerify } from 'jose';
import type { Clock } from '../../shared/clock.ts';
import { CodedError, orCodedError } from '../../shared/errors.ts';
import type { JsonValue } from '../../shared/json.ts';
import { jsonMember, jsonText } from '../../shared/json.ts';
import { serviceAccountGroups, userOf } from '../../shared/access/permission.ts';
import type { ClientIdentity, TokenVerifier } from './ports.ts';

/** Asymmetric signatures only: with a symmetric one, a key that verifies tokens could also forge them. */
const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];

interface JwksTokenVerifier extends TokenVerifier {
  /** Returns why tokens cannot be verified; undefined if they can. */
  problem(): string | undefined;
}

/**
 * Verifies service account tokens by their signature, for machines without a cluster. A token is valid until it
 * expires: there is no check that service account and pod still exist.
 * @param file a JSON Web Key Set with public keys, as the API server serves it at `/openid/v1/jwks`.
 */
export function jwksTokenVerifier(file: string, audience: string, clock: Clock): JwksTokenVerifier {
  const readKeys = (): ReturnType<typeof createLocalJWKSet> => {
    try {
      return createLocalJWKSet(JSON.parse(readFileSync(file, 'utf8')) as JSONWebKeySet);
    } catch (error) {
      throw new CodedError('FAILED_PRECONDITION', `--jwks-file ${file} cannot be used`, { cause: error });
    }
  };
  return {
    verify: async (token) => {
      const keys = readKeys();
      const currentDate = new Date(clock.now());
      const requiredClaims = ['exp', 'sub'];
      try {
        const options = { audience, algorithms, currentDate, requiredClaims };
        return clientOf((await jwtVerify(token.expose(), keys, options)).payload);
      } catch (error) {
        // The error's message can quote claims, so it is not passed on.
        if (error instanceof errors.JOSEError) return undefined;
        throw new CodedError('INTERNAL', 'a token could not be checked', { cause: error });
      }
    },
    problem: () => {
      const found = orCodedError(readKeys);
      return found instanceof CodedError ? found.message : undefined;
    },
  };
}

/** Converts the claims of a service account token (KEP-1205). Returns undefined for other tokens. */
function clientOf(payload: JWTPayload): ClientIdentity | undefined {
  const kubernetes = payload['kubernetes.io'] as JsonValue | undefined;
  const namespace = jsonText(kubernetes, 'namespace');
  const account = jsonMember(kubernetes, 'serviceaccount');
  const name = jsonText(account, 'name');
  if (namespace === undefined || name === undefined || payload.exp === undefined) return undefined;
  const user = userOf({ namespace, name });
  if (payload.sub !== user) return undefined;
  const pod = jsonMember(kubernetes, 'pod');
  const podName = jsonText(pod, 'name');
  const podUid = jsonText(pod, 'uid');
  return {
    user,
    account: { namespace, name },
    identity: { uid: jsonText(account, 'uid') ?? '', groups: serviceAccountGroups(namespace), extra: {} },
    pod: podName === undefined || podUid === undefined ? undefined : { namespace, name: podName, uid: podUid },
    expiresAtMs: payload.exp * 1000,
  };
}
