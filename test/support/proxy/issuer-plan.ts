import assert from 'node:assert/strict';
import type {
  IssuedToken,
  IssuerRequest,
  KeyProblem,
  TokenIssuer,
  TokenOutcome,
  TokenPlan,
  TokenResponse,
  TokenStep,
} from '../../../src/proxy/credentials/issuer/issuer.ts';
import { parseToolAddress } from '../../../src/proxy/connectors/tool-address.ts';
import { parseSecret } from '../../../src/proxy/secrets/secret-source.ts';
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
): TokenPlan | KeyProblem {
  const object = parseSecret(secret('login', issuer.secretType, keys) as Parameters<typeof parseSecret>[0]);
  const addresses = urls.map((url) => parseToolAddress(url)!);
  return issuer.parse(object, { connector: { namespace: 'ci', name: 'tool' }, address: addresses[at]!, addresses });
}

/** Returns a plan that must be usable. */
export function usablePlan(plan: TokenPlan | KeyProblem): TokenPlan {
  assert.ok(!('problem' in plan), 'problem' in plan ? plan.problem : '');
  return plan;
}

/** A step of a plan, the first unless told otherwise. */
export function stepOf({ steps }: TokenPlan, at = 0): TokenStep {
  const step = steps[at];
  assert.ok(step !== undefined);
  return step;
}

export function requestOf(plan: TokenPlan, nowMs: number, at = 0, input = noInput): Promise<IssuerRequest> {
  return stepOf(plan, at).request(nowMs, input);
}

export function outcomeOf(
  plan: TokenPlan,
  response: TokenResponse,
  nowMs: number,
  at = 0,
  input = noInput,
): TokenOutcome {
  return stepOf(plan, at).parse(response, nowMs, input);
}
