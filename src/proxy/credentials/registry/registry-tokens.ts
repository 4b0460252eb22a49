import { createHash, randomUUID } from 'node:crypto';
import { proxyLimits } from '../../limits.ts';
import { SingleFlight } from '../../../shared/limits/single-flight.ts';
import type { Clock } from '../../../shared/clock.ts';
import { jsonIn, jsonMember, jsonText } from '../../../shared/json.ts';
import { Secret } from '../../../shared/secret.ts';
import { ProxyError } from '../../proxy-error.ts';
import { sendInBackChannel } from '../../tool/back-channel.ts';
import type { ToolOwner } from '../../tool/resolver.ts';
import { authorityOf } from '../../tool/tool-origin.ts';
import type { ToolClient } from '../../tool/tool-client.ts';
import type { Trust } from '../../tool/trust.ts';
import { basicHeaders } from '../header-credentials.ts';
import type { RegistryCredentials } from '../header-credentials.ts';
import type { CachedToken, TokenCache } from '../token-cache.ts';
import { cachedToken, isSendable } from '../token-cache.ts';
import type { ToolAddress } from '../../connectors/tool-address.ts';

/** The token service that a registry names. */
export interface TokenService {
  /** A URL. */
  readonly realm: string;
  /** The address in `realm`. */
  readonly address: ToolAddress;
  readonly service: string | undefined;
}

/** The user name and password of one request, for a registry or its token service. */
export interface RegistryLogin {
  /** @throws {ProxyError} if they are unavailable. */
  get(signal: AbortSignal): Promise<RegistryCredentials>;
  /** Returns others after the registry has rejected these; undefined if there are none. */
  newer(signal: AbortSignal): Promise<RegistryCredentials | undefined>;
  /** Records a rejection if the request cannot be sent again. */
  rejected(): void;
}

/** Returns the user name and password that a Secret contains. */
export function storedLogin(credentials: RegistryCredentials): RegistryLogin {
  return {
    get: () => Promise.resolve(credentials),
    newer: () => Promise.resolve(undefined),
    rejected: () => undefined,
  };
}

/** The token service rejected user name and password. */
export class RejectedPassword extends ProxyError {
  constructor({ namespace, holder }: ToolOwner, server: string, status: number) {
    const problem = `${server} rejects user name and password (${status})`;
    super(502, 'misconfigured', `wrong password of connector ${namespace}/${holder}: ${problem}`);
  }
}

/** The default of the CNCF Distribution's token authentication. */
const defaultLifeMs = 60_000;

interface RegistryTokensOptions {
  readonly client: ToolClient;
  readonly clock: Clock;
  /** Of the hosts, which are the Connector's. */
  readonly owner: ToolOwner;
  /** Cache for all credentials: a tool chooses the length of tokens, and its clients their number. */
  readonly tokens: TokenCache;
}

/**
 * Tokens that the registry's token service issued for one credential, cached until they expire. Each is requested once
 * at a time.
 */
export class RegistryTokens {
  readonly #options: RegistryTokensOptions;
  /** Distinguishes the tokens of this credential in the shared cache. */
  readonly #id = randomUUID();
  readonly #requests = new SingleFlight<CachedToken>();

  constructor(options: RegistryTokensOptions) {
    this.#options = options;
  }

  /** Evicts a token that the registry rejected, so that the next request gets a fresh one. */
  forget(service: TokenService, scopes: readonly string[]): void {
    this.#options.tokens.delete(this.#keyOf(service, scopes));
  }

  /**
   * Returns a token, cached or from the token service.
   * @throws {RejectedPassword} if the token service rejects the credential.
   * @throws {ProxyError} if it issues no token.
   * @throws {CodedError} the signal's reason.
   */
  async get(
    service: TokenService,
    scopes: readonly string[],
    credentials: () => Promise<RegistryCredentials>,
    trust: Trust | undefined,
    signal: AbortSignal,
  ): Promise<Secret> {
    const { clock, owner, tokens } = this.#options;
    const key = this.#keyOf(service, scopes);
    const cached = tokens.get(key);
    if (cached !== undefined && clock.now() < cached.usableUntilMs) return cached.value;
    const login = await credentials();
    const token = await this.#requests.run(key, signal, async (shared) => {
      const fresh = await this.#request(service, scopes, login, trust, shared);
      tokens.set(key, fresh, owner.namespace);
      return fresh;
    });
    return token.value;
  }

  async #request(
    { realm, address, service }: TokenService,
    scopes: readonly string[],
    login: RegistryCredentials,
    trust: Trust | undefined,
    signal: AbortSignal,
  ): Promise<CachedToken> {
    const { client, clock, owner } = this.#options;
    const query = new URLSearchParams(/\?([^#]*)/.exec(realm)?.[1] ?? '');
    if (service !== undefined) query.set('service', service);
    for (const scope of scopes) query.append('scope', scope);
    const requestedMs = clock.now();
    const server = `the token service ${address.host}`;
    const { status, body } = await sendInBackChannel(
      client,
      {
        origin: address,
        method: 'GET',
        path: `${address.path === '' ? '/' : address.path}?${query.toString()}`,
        headers: ['Host', authorityOf(address), 'Accept', 'application/json', ...basicHeaders(login)],
        trust,
        owner,
      },
      server,
      proxyLimits.backChannel,
      signal,
    );
    if (status === 401 || status === 403) throw new RejectedPassword(owner, server, status);
    if (body === undefined) throw new ProxyError(502, 'protocol', `the answer of ${server} is too long`);
    const token = status === 200 ? parseToken(body, requestedMs) : undefined;
    if (token === undefined) throw new ProxyError(502, 'protocol', `${server} gave no token (${status})`);
    return token;
  }

  /** Returns the cache key: a digest, so that its size does not depend on the scopes. */
  #keyOf({ realm, service }: TokenService, scopes: readonly string[]): string {
    const text = JSON.stringify([realm, service ?? '', ...[...scopes].sort()]);
    return `${this.#id} ${createHash('sha256').update(text).digest('base64')}`;
  }
}

function parseToken(body: string, requestedMs: number): CachedToken | undefined {
  const response = jsonIn(body);
  const value = jsonText(response, 'token') ?? jsonText(response, 'access_token');
  // The value is sent in a header.
  if (value === undefined || !isSendable(value)) return undefined;
  const seconds = Number(jsonMember(response, 'expires_in') ?? 0);
  return cachedToken(new Secret(value), requestedMs, requestedMs + (seconds > 0 ? seconds * 1000 : defaultLifeMs));
}
