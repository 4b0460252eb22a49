import assert from 'node:assert/strict';
import type {
  IssuedToken,
  IssuerRequest,
  TokenIssuer,
  TokenPlan,
  TokenResponse,
  TokenStep,
} from '../../../src/proxy/credentials/issuer/issuer.ts';
import { TokenFailure } from '../../../src/proxy/credentials/issuer/token-response.ts';
import { parseToolAddress } from '../../../src/proxy/connectors/tool-address.ts';
import { parseSecret } from '../../../src/proxy/secrets/secret-source.ts';
import { CodedError, orCodedError } from '../../../src/shared/errors.ts';
import { Secret } from '../../../src/shared/secret.ts';
import { secret } from './manifests.ts';

/** The input of a step without one before. */
const noInput: IssuedToken = { value: new Secret(''), expiresAtMs: Infinity };

/** Parses a Secret for the Connector `ci/tool`. @param at which of its addresses a request is for. */
export function planOf(
  issuer: TokenIssuer,
  keys: Readonly<Record<string, string>>,
  urls: readonly string[],
  at = 0,
): TokenPlan {
  const object = parseSecret(secret('login', issuer.secretType, keys) as Parameters<typeof parseSecret>[0]);
  const addresses = urls.map((url) => parseToolAddress(url)!);
  return issuer.parse(object, { connector: { namespace: 'ci', name: 'tool' }, address: addresses[at]!, addresses });
}

/** Returns why a Secret is unusable, with the fix. */
export function problemOf(parse: () => unknown): string {
  const found = orCodedError(parse);
  assert.ok(found instanceof CodedError, 'it is usable');
  return found.message;
}

/** A step of a plan, the first unless told otherwise. */
export function stepOf({ steps }: TokenPlan, at = 0): TokenStep {
  const step = steps[at];
  assert.ok(step !== undefined);
  return step;
}

export async function requestOf(plan: TokenPlan, nowMs: number, at = 0, input = noInput): Promise<IssuerRequest> {
  return stepOf(plan, at).request(nowMs, input);
}

/** Returns the token of a response, or why there is none. */
export function outcomeOf(
  plan: TokenPlan,
  response: TokenResponse,
  nowMs: number,
  at = 0,
  input = noInput,
): IssuedToken | TokenFailure {
  try {
    return stepOf(plan, at).parse(response, nowMs, input);
  } catch (error) {
    if (error instanceof TokenFailure) return error;
    throw error;
  }
}
