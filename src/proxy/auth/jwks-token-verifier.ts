import { readFileSync } from 'node:fs';
import type { JSONWebKeySet, JWTPayload } from 'jose';
import { createLocalJWKSet, errors, jwtVerify } from 'jose';
import type { Clock } from '../../shared/clock.ts';
import { CodedError, orCodedError } from '../../shared/errors.ts';
import type { JsonValue } from '../../shared/json.ts';
import { jsonMember, jsonText } from '../../shared/json.ts';
import { serviceAccountGroups, userOf } from '../../shared/access/permission.ts';
import type { Secret } from '../../shared/secret.ts';
import type { ClientIdentity, TokenVerifier } from './ports.ts';

interface JwksTokenVerifierOptions {
  /** A JSON Web Key Set with public keys, as the API server serves it at `/openid/v1/jwks`. */
  readonly file: string;
  readonly audience: string;
  readonly clock: Clock;
}

/** Asymmetric signatures only: with a symmetric one, a key that verifies tokens could also forge them. */
const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];

/**
 * Verifies service account tokens by their signature, for machines without a cluster. A token is valid until it
 * expires: there is no check that service account and pod still exist.
 */
export class JwksTokenVerifier implements TokenVerifier {
  readonly #options: JwksTokenVerifierOptions;

  constructor(options: JwksTokenVerifierOptions) {
    this.#options = options;
  }

  async verify(token: Secret): Promise<ClientIdentity | undefined> {
    const { audience, clock } = this.#options;
    const keys = this.#keys();
    try {
      const { payload } = await jwtVerify(token.expose(), keys, {
        audience,
        algorithms,
        currentDate: new Date(clock.now()),
        requiredClaims: ['exp', 'sub'],
      });
      return clientOf(payload);
    } catch (error) {
      // The error's message can quote claims, so it is not passed on.
      if (error instanceof errors.JOSEError) return undefined;
      throw new CodedError('INTERNAL', 'a token could not be checked', { cause: error });
    }
  }

  /** Returns why tokens cannot be verified; undefined if they can. */
  problem(): string | undefined {
    const found = orCodedError(() => this.#keys());
    return found instanceof CodedError ? found.message : undefined;
  }

  #keys(): ReturnType<typeof createLocalJWKSet> {
    const { file } = this.#options;
    try {
      return createLocalJWKSet(JSON.parse(readFileSync(file, 'utf8')) as JSONWebKeySet);
    } catch (error) {
      throw new CodedError('FAILED_PRECONDITION', `--jwks-file ${file} cannot be used`, { cause: error });
    }
  }
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
