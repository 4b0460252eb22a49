import { readFileSync, statSync } from 'node:fs';
import type { JWTPayload } from 'jose';
import { createLocalJWKSet, errors, jwtVerify } from 'jose';
import type { Clock } from '../../clock.js';
import { CodedError } from '../../errors.js';
import type { JsonValue } from '../../json.js';
import { jsonMember, parseJson } from '../../json.js';
import type { Secret } from '../../secret.js';
import type { ClientIdentity } from './client-identity.js';
import { serviceAccountGroups } from './client-identity.js';
import type { TokenVerifier } from './ports.js';

export interface JwksTokenVerifierOptions {
  /** A JSON Web Key Set with public keys, such as the API server has it under `/openid/v1/jwks`. */
  readonly file: string;
  readonly audience: string;
  readonly clock: Clock;
}

/** Signatures by a key pair alone: whoever can check a token must not be able to make one. */
const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];

type KeySet = ReturnType<typeof createLocalJWKSet>;

/**
 * Verifies service-account tokens by their signature, for machines without a cluster. Nobody is asked whether account and
 * pod still exist: a token counts until it expires.
 */
export class JwksTokenVerifier implements TokenVerifier {
  readonly #options: JwksTokenVerifierOptions;
  #read: { readonly signature: string; readonly keys: KeySet } | undefined;

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
      // Its message may quote claims; that a token is not accepted is all that anybody needs to know.
      if (error instanceof errors.JOSEError) return undefined;
      throw new CodedError('INTERNAL', 'a token could not be checked', { cause: error });
    }
  }

  /** Why no token can be checked; undefined when it can. */
  problem(): string | undefined {
    try {
      this.#keys();
      return undefined;
    } catch (error) {
      if (error instanceof CodedError) return error.message;
      throw error;
    }
  }

  /** Looked at every time, so that a key that is replaced counts at once. */
  #keys(): KeySet {
    const { file } = this.#options;
    try {
      const { ino, size, mtimeNs } = statSync(file, { bigint: true });
      const signature = [ino, size, mtimeNs].join('.');
      if (this.#read?.signature !== signature) {
        this.#read = { signature, keys: createLocalJWKSet(parseKeySet(readFileSync(file, 'utf8'))) };
      }
      return this.#read.keys;
    } catch (error) {
      throw new CodedError('FAILED_PRECONDITION', `--jwks-file ${file} cannot be used`, { cause: error });
    }
  }
}

function parseKeySet(text: string): Parameters<typeof createLocalJWKSet>[0] {
  const keys = jsonMember(parseJson(text), 'keys');
  if (!Array.isArray(keys)) throw new SyntaxError('it has no list of keys');
  return JSON.parse(text) as Parameters<typeof createLocalJWKSet>[0];
}

/** The claims of a service account's token (KEP-1205). Other tokens say nothing that the rules here could mean. */
function clientOf(payload: JWTPayload): ClientIdentity | undefined {
  const kubernetes = payload['kubernetes.io'] as JsonValue | undefined;
  const namespace = textOf(jsonMember(kubernetes, 'namespace'));
  const account = jsonMember(kubernetes, 'serviceaccount');
  const name = textOf(jsonMember(account, 'name'));
  if (namespace === undefined || name === undefined || payload.exp === undefined) return undefined;
  const user = `system:serviceaccount:${namespace}:${name}`;
  if (payload.sub !== user) return undefined;
  const pod = jsonMember(kubernetes, 'pod');
  const podName = textOf(jsonMember(pod, 'name'));
  const podUid = textOf(jsonMember(pod, 'uid'));
  return {
    user,
    uid: textOf(jsonMember(account, 'uid')),
    groups: serviceAccountGroups(namespace),
    extra: {},
    pod: podName === undefined || podUid === undefined ? undefined : { namespace, name: podName, uid: podUid },
    expiresAtMs: payload.exp * 1000,
  };
}

function textOf(value: JsonValue | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
