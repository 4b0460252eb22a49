import { jsonIn, jsonMember, jsonText } from '../../../shared/json.ts';
import type { JsonValue } from '../../../shared/json.ts';
import { Secret } from '../../../shared/secret.ts';
import type { IssuedToken, TokenStep } from './issuer.ts';

/** A response without a usable token. */
export class TokenFailure extends Error {
  override readonly name = 'TokenFailure';
  /** From a fixed set, such as the codes of RFC 6749. Never text of the provider. */
  readonly code: string;
  readonly fix: string;
  /** Whether the endpoint rejects the keys of the Secret, as opposed to being unable to answer. */
  readonly isRejection: boolean;

  constructor(code: string, fix: string, isRejection: boolean) {
    super(`${code}: ${fix}`);
    this.code = code;
    this.fix = fix;
    this.isRejection = isRejection;
  }
}

/** Codes of errors, with the fix. Others are not shown: a provider chooses them. */
export type Fixes = Readonly<Record<string, string>>;

/**
 * Returns a parser for responses in JSON.
 * @param codeIn returns the code of an error response.
 * @param tokenIn returns the token in another one. @throws {TokenFailure}
 */
export function responseParser(
  fixes: Fixes,
  codeIn: (answer: JsonValue | undefined, status: number) => string | undefined,
  tokenIn: (answer: JsonValue, nowMs: number, input: IssuedToken) => IssuedToken,
): TokenStep['parse'] {
  return ({ status, body }, nowMs, input) => {
    const answer = jsonIn(body);
    const isError = status < 200 || status >= 300;
    if (!isError && answer !== undefined) return tokenIn(answer, nowMs, input);
    const code = isError ? (codeIn(answer, status) ?? '') : '';
    throw Object.hasOwn(fixes, code) ? new TokenFailure(code, fixes[code] ?? '', true) : failureOfStatus(status);
  };
}

/** Life of a token without `expires_in`. */
const defaultSeconds = 300;

/** Codes of RFC 6749 (5.2) and RFC 8707 (2). */
export const oauthFixes: Fixes = {
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
 * @param types known types of tokens, in lower case.
 */
export function oauthParser(
  fixes: Fixes,
  types: readonly string[],
  codeIn = (answer: JsonValue | undefined): string | undefined => jsonText(answer, 'error'),
): TokenStep['parse'] {
  return responseParser(fixes, codeIn, (answer, nowMs) => {
    const type = jsonMember(answer, 'token_type') ?? 'bearer';
    const seconds = Number(jsonMember(answer, 'expires_in') ?? defaultSeconds);
    const token = issuedToken(jsonText(answer, 'access_token'), 'access_token', nowMs + seconds * 1000);
    if (typeof type !== 'string' || !types.includes(type.toLowerCase())) {
      throw unusableAnswer('token_type is not Bearer');
    }
    if (!(seconds > 0)) throw unusableAnswer('expires_in is not positive');
    return token;
  });
}

export const parseTokenResponse = oauthParser(oauthFixes, ['bearer']);

/** Returns a token. @param name of the value, for the failure without one. @throws {TokenFailure} */
export function issuedToken(value: string | undefined, name: string, expiresAtMs: number): IssuedToken {
  if (value === undefined) throw unusableAnswer(`no ${name}`);
  if (Number.isNaN(expiresAtMs)) throw unusableAnswer('no expiry');
  return { value: new Secret(value), expiresAtMs };
}

/** Returns the failure for a response whose body says nothing usable. */
export function failureOfStatus(status: number): TokenFailure {
  const code = `status ${status}`;
  if (status >= 200 && status < 300) return unusableAnswer('no token');
  if (status >= 300 && status < 400) {
    return new TokenFailure(code, 'name the endpoint itself: the proxy follows no redirect', true);
  }
  if (status === 429 || status >= 500) {
    return new TokenFailure(code, 'try again later, the endpoint cannot answer now', false);
  }
  return new TokenFailure(code, 'see whether the keys and the endpoint are right', true);
}

/** @param what a fixed text. */
export function unusableAnswer(what: string): TokenFailure {
  return new TokenFailure(what, 'see whether this is a token endpoint', false);
}
