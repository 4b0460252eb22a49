import { CodedError } from '../../shared/errors.ts';
import { earliestMs } from '../../shared/clock.ts';
import type { Secret } from '../../shared/secret.ts';
import type { ProxyToken, TokenRequest, TokenSource, PublishSlot } from './ports.ts';
import type { PublishRequest } from './publish-request.ts';

/** The tokens of a volume, by audience. */
export type VolumeTokens = ReadonlyMap<string, ProxyToken>;

/** A token request without the audience. */
type TokensRequest = Omit<TokenRequest, 'audience'>;

/** Returns the part of a request that determines its tokens. */
export function tokensRequestOf({ pod, passedTokens, attributes }: PublishRequest): TokensRequest {
  const { tokenExpirationMs } = attributes;
  return {
    pod,
    passed: passedTokens,
    ...(tokenExpirationMs === undefined ? {} : { expirationMs: tokenExpirationMs }),
  };
}

/** Returns the tokens for all audiences if they need no request, else undefined. */
export function peekTokens(
  source: TokenSource,
  request: TokensRequest,
  audiences: Iterable<string>,
): VolumeTokens | undefined {
  const tokens = new Map<string, ProxyToken>();
  for (const audience of audiences) {
    const token = source.peek({ ...request, audience });
    if (token === undefined) return undefined;
    tokens.set(audience, token);
  }
  return tokens;
}

/**
 * Returns the tokens for all audiences. @throws {CodedError} see `TokenSource.tokenFor`; for the first audience that
 * fails.
 */
export async function obtainTokens(
  source: TokenSource,
  request: TokensRequest,
  audiences: readonly string[],
  slot: PublishSlot,
): Promise<VolumeTokens> {
  const known = peekTokens(source, request, audiences);
  if (known !== undefined) return known;
  const tokens = await slot.releaseWhile(() =>
    Promise.all(audiences.map((audience) => source.tokenFor({ ...request, audience }, slot.signal))),
  );
  return new Map(tokens.map((token, index) => [audiences[index] ?? '', token]));
}

export function areSameTokens(a: VolumeTokens, b: VolumeTokens): boolean {
  if (a.size !== b.size) return false;
  for (const [audience, { secret }] of a) {
    const other = b.get(audience)?.secret;
    if (other === undefined || !secret.equals(other)) return false;
  }
  return true;
}

/** Returns the first expiry in milliseconds since the epoch; undefined without tokens. */
export function firstExpiryMs(tokens: VolumeTokens): number | undefined {
  return earliestMs(Array.from(tokens.values(), ({ expiresAtMs }) => expiresAtMs));
}

/** Returns the token for an audience. @throws {CodedError} INTERNAL for one that was not obtained. */
export function secretOf(tokens: VolumeTokens, audience: string): Secret {
  const token = tokens.get(audience);
  if (token === undefined) throw new CodedError('INTERNAL', 'a file needs a token that was not obtained');
  return token.secret;
}
