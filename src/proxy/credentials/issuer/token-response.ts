import { jsonIn, jsonMember, jsonText } from '../../../shared/json.ts';
import { Secret } from '../../../shared/secret.ts';
import type { TokenFailure, TokenStep } from './issuer.ts';

/** Life of a token without `expires_in`. */
const defaultLifeMs = 5 * 60_000;

/** Codes of RFC 6749 (5.2) and RFC 8707 (2), with the fix. Others are not shown: a provider chooses them. */
export const oauthFixes: Readonly<Record<string, string>> = {
  invalid_request: 'see which keys the provider requires',
  invalid_client: 'see whether the client exists, is enabled, and has this secret or key',
  invalid_grant: 'see whether the grant is valid and the key is the one that the provider knows',
  unauthorized_client: 'permit the client this grant type at the provider',
  unsupported_grant_type: 'use a provider with this grant type',
  invalid_scope: 'request only scopes that the client can have',
  invalid_target: 'request only an audience that the client can have',
};

/**
 * Returns a parser for responses of an OAuth 2 token endpoint (RFC 6749, 5).
 * @param fixes codes of errors, with the fix.
 * @param types known types of tokens, in lower case.
 */
export function tokenParser(fixes: Readonly<Record<string, string>>, types: readonly string[]): TokenStep['parse'] {
  return ({ status, body }, nowMs) => {
    const answer = jsonIn(body);
    if (status !== 200 || answer === undefined) {
      return failureOfCode(jsonText(answer, 'error') ?? '', fixes) ?? failureOfStatus(status);
    }
    const value = jsonMember(answer, 'access_token');
    const type = jsonMember(answer, 'token_type') ?? 'bearer';
    if (typeof value !== 'string') return unusableAnswer('no access_token');
    if (typeof type !== 'string' || !types.includes(type.toLowerCase())) {
      return unusableAnswer('token_type is not Bearer');
    }
    const seconds = jsonMember(answer, 'expires_in');
    const lifeMs = seconds === undefined || seconds === null ? defaultLifeMs : Number(seconds) * 1000;
    if (!(lifeMs > 0)) return unusableAnswer('expires_in is not positive');
    return { kind: 'token', value: new Secret(value), expiresAtMs: nowMs + lifeMs };
  };
}

export const parseTokenResponse = tokenParser(oauthFixes, ['bearer']);

/** Returns the failure for an error code with a known fix; undefined for other codes. */
export function failureOfCode(code: string, fixes: Readonly<Record<string, string>>): TokenFailure | undefined {
  const fix = Object.hasOwn(fixes, code) ? fixes[code] : undefined;
  return fix === undefined ? undefined : { kind: 'failure', code, fix, isRejection: true };
}

/** Returns the failure for a response whose body says nothing usable. */
export function failureOfStatus(status: number): TokenFailure {
  const code = `status ${status}`;
  if (status >= 200 && status < 300) return unusableAnswer('no token');
  if (status >= 300 && status < 400) {
    return { kind: 'failure', code, fix: 'name the endpoint itself: the proxy follows no redirect', isRejection: true };
  }
  if (status === 429 || status >= 500) {
    return { kind: 'failure', code, fix: 'try again later, the endpoint cannot answer now', isRejection: false };
  }
  return { kind: 'failure', code, fix: 'see whether the keys and the endpoint are right', isRejection: true };
}

/** @param what a fixed text. */
export function unusableAnswer(what: string): TokenFailure {
  return { kind: 'failure', code: what, fix: 'see whether this is a token endpoint', isRejection: false };
}
