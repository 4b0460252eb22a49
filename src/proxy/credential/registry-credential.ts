import { Refusal } from '../refusal.js';
import type { RawHeaders } from '../upstream/headers.js';
import type { LookupOwner } from '../upstream/resolver.js';
import type { ToolClient } from '../upstream/tool-client.js';
import type { CredentialUse, ToolCredential } from '../upstream/tool-credential.js';
import { toolFailure } from '../upstream/tool-failure.js';
import { authorityOf, nameOf } from '../upstream/tool-origin.js';
import type { ToolOrigin } from '../upstream/tool-origin.js';
import type { Trust } from '../upstream/trust.js';
import { valuesOf } from '../upstream/headers.js';
import type { Challenge } from './challenge.js';
import { parseChallenges } from './challenge.js';
import { basicHeaders } from './header-credentials.js';
import { pathProblem } from './path-problem.js';
import { impliedScopes, normalScopes } from './registry-scope.js';
import type { Login, RegistryTokens, TokenService } from './registry-tokens.js';
import type { ToolAddress } from './tool-address.js';
import { parseToolAddress } from './tool-address.js';

/** How a registry wants to be asked, as it has said. */
type Manner = { readonly kind: 'basic' } | { readonly kind: 'bearer'; readonly service: TokenService };

/** What is known of the registries of one login, from request to request. */
export interface RegistrySession {
  readonly login: Login;
  readonly tokens: RegistryTokens;
  /** By the registry's URL. */
  readonly manners: Map<string, Manner>;
}

export interface RegistryCredentialOptions {
  readonly session: RegistrySession;
  readonly client: ToolClient;
  readonly origin: ToolOrigin;
  readonly trust: Trust | undefined;
  readonly owner: LookupOwner;
  /** All of the Connector: where its password may go. */
  readonly addresses: readonly ToolAddress[];
  /** For messages: `NAMESPACE/NAME`. */
  readonly connector: string;
}

const probeMs = 30_000;

/**
 * The token flow of the CNCF Distribution: the registry's challenge names a token service, which gives a token for the
 * login. A registry that challenges with Basic gets Basic.
 */
export class RegistryCredential implements ToolCredential {
  readonly replaces: ReadonlySet<string> = new Set(['authorization']);
  readonly answersChallenges = true;
  readonly #options: RegistryCredentialOptions;
  /** What this request has shown. */
  #shown: 'nothing' | 'basic' | readonly string[] = 'nothing';

  constructor(options: RegistryCredentialOptions) {
    this.#options = options;
  }

  async headersFor(use: CredentialUse, signal: AbortSignal): Promise<RawHeaders> {
    if (!isRegistryApi(use.path)) return [];
    const known = this.#options.session.manners.get(this.#registry);
    const manner = known ?? (use.isUnrepeatable ? await this.#probe(signal) : undefined);
    if (manner?.kind === 'basic') return this.#basic();
    const scopes = impliedScopes(use.method, use.path);
    if (manner?.kind !== 'bearer' || scopes === undefined) return [];
    return this.#bearer(manner.service, scopes.flatMap(normalScopes), signal);
  }

  async headersAfter(
    challenges: readonly string[],
    use: CredentialUse,
    signal: AbortSignal,
  ): Promise<RawHeaders | undefined> {
    const challenge = usable(parseChallenges(challenges));
    if (challenge === undefined || !isRegistryApi(use.path)) return undefined;
    if (challenge.scheme === 'basic') {
      return this.#shown !== 'basic' && (await this.#takesPassword(challenge, signal)) ? this.#basic() : undefined;
    }
    const manner = this.#learn(challenge);
    if (manner.kind === 'basic') return undefined;
    const scope = challenge.params.get('scope');
    const scopes = scope === undefined ? (impliedScopes(use.method, use.path) ?? []) : [scope];
    const normal = scopes.flatMap(normalScopes);
    if (Array.isArray(this.#shown)) {
      // What is wanted was shown already and not taken: it may have been withdrawn, so once more with a fresh one.
      this.#options.session.tokens.forget(manner.service, normal);
    }
    return this.#bearer(manner.service, normal, signal);
  }

  get #registry(): string {
    return nameOf(this.#options.origin);
  }

  /**
   * Whether the password may be shown on a client's own request: not to a registry that wants tokens. What asks for it
   * there is the token service, and the client would get a token that is good without the proxy.
   */
  async #takesPassword(challenge: Challenge, signal: AbortSignal): Promise<boolean> {
    const { manners } = this.#options.session;
    const manner = manners.get(this.#registry);
    if (manner?.kind === 'basic') return true;
    const atRoot = (await this.#probe(signal)) ?? manner ?? this.#learn(challenge);
    return atRoot.kind === 'basic';
  }

  #basic(): RawHeaders {
    this.#shown = 'basic';
    return basicHeaders(this.#options.session.login);
  }

  async #bearer(service: TokenService, scopes: readonly string[], signal: AbortSignal): Promise<RawHeaders> {
    this.#ensureOwn(service);
    const { session, trust } = this.#options;
    const token = await session.tokens.get(service, scopes, session.login, trust, signal);
    this.#shown = scopes;
    return ['Authorization', `Bearer ${token.expose()}`];
  }

  /** The password goes to a host of the Connector or nowhere, whatever the registry says. */
  #ensureOwn({ realm }: TokenService): void {
    const { origin, addresses, connector } = this.#options;
    const service = parseToolAddress(realm.replace(/[?#].*$/s, ''));
    const isOwn =
      service !== undefined &&
      addresses.some(
        ({ host, scheme }) => host === service.host && (scheme === 'http' || service.scheme === 'https'),
      ) &&
      (origin.scheme === 'http' || service.scheme === 'https');
    if (isOwn) return;
    const where = service === undefined ? 'no URL' : nameOf(service);
    throw new Refusal(
      502,
      'misconfigured',
      `the registry ${this.#registry} names ${where} as its token service, which is no address of connector ${connector}: add it to spec.addressExtensions if it may be given the password`,
    );
  }

  #learn({ scheme, params }: Challenge): Manner {
    const realm = params.get('realm');
    const manner: Manner =
      scheme === 'bearer' && realm !== undefined
        ? { kind: 'bearer', service: { realm, service: params.get('service') } }
        : { kind: 'basic' };
    this.#options.session.manners.set(this.#registry, manner);
    return manner;
  }

  /**
   * Asks the registry what it wants, as its clients do, before a body is begun that could not be sent again.
   * @returns undefined when it wants nothing.
   */
  async #probe(signal: AbortSignal): Promise<Manner | undefined> {
    const { client, origin, trust, owner } = this.#options;
    const headers = ['Host', authorityOf(origin)];
    const values = await new Promise<readonly string[]>((resolve, reject) => {
      const sent = client.request({ origin, method: 'GET', path: '/v2/', headers, trust, lookedUpFor: owner });
      const stop = (): void => void sent.destroy();
      const timer = setTimeout(stop, probeMs);
      signal.addEventListener('abort', stop, { once: true });
      sent.on('error', reject);
      sent.once('response', (response) => {
        response.resume();
        resolve(response.statusCode === 401 ? valuesOf(response.rawHeaders, 'www-authenticate') : []);
      });
      sent.once('close', () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', stop);
        reject(new Error('the registry did not answer'));
      });
      sent.end();
    }).catch((error: unknown) => {
      throw toolFailure(error, this.#registry);
    });
    const challenge = usable(parseChallenges(values));
    return challenge === undefined ? undefined : this.#learn(challenge);
  }
}

/** Tokens and password are for the distribution API alone, below whatever path a registry has it. */
function isRegistryApi(path: string): boolean {
  const pathname = path.replace(/\?.*$/s, '');
  return /\/v2(\/|$)/.test(pathname) && pathProblem(pathname) === undefined;
}

function usable(challenges: readonly Challenge[]): Challenge | undefined {
  return (
    challenges.find(({ scheme, params }) => scheme === 'bearer' && params.has('realm')) ??
    challenges.find(({ scheme }) => scheme === 'basic')
  );
}
