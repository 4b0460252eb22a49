import { LenientPath } from '../../rules/request-path.ts';
import type { Secret } from '../../../shared/secret.ts';
import { ProxyError } from '../../proxy-error.ts';
import type { RawHeaders } from '../../tool/headers.ts';
import type { CredentialUse, ToolCredential } from '../../tool/tool-credential.ts';
import { nameOf } from '../../tool/tool-origin.ts';
import { basicHeaders, bearerHeaders } from '../header-credentials.ts';
import type { RegistryEndpoint } from './registry-api.ts';
import { endpointOf, impliedScopes, normalScopes } from './registry-api.ts';
import type { RegistryProbe, TrustOf } from './registry-probe.ts';
import { scopeWanted } from './registry-probe.ts';
import type { RegistryLogin, RegistryTokens, TokenService } from './registry-tokens.ts';
import type { RegistryCredentials } from '../header-credentials.ts';
import { RejectedPassword } from './registry-tokens.ts';
import type { ToolAddress } from '../../connectors/tool-address.ts';
import { isAddressOfConnector } from '../../connectors/tool-address.ts';

/** State of one registry with one credential, shared by requests. */
export interface RegistrySession {
  readonly tokens: RegistryTokens;
  readonly probe: RegistryProbe;
}

interface RegistryCredentialOptions {
  readonly session: RegistrySession;
  /** The probe of the registry at `spec.address`, for requests to another address of the Connector. */
  readonly first: RegistryProbe | undefined;
  readonly login: RegistryLogin;
  readonly address: ToolAddress;
  /** All addresses of the Connector. The password is sent to no other. */
  readonly addresses: readonly ToolAddress[];
  readonly trustOf: TrustOf;
  /** `NAMESPACE/NAME`, for messages. */
  readonly connector: string;
}

/**
 * The token flow of the CNCF Distribution: the registry names a token service, which issues a token for the credential.
 * A registry that requires Basic authentication gets the credential itself. The proxy learns the scheme by its own
 * probe, and sends the credential only to endpoints of the distribution API.
 */
export class RegistryCredential implements ToolCredential {
  readonly replaces: ReadonlySet<string> = new Set(['authorization']);
  readonly #options: RegistryCredentialOptions;
  /** The authentication that this request has sent. */
  #sent: 'nothing' | 'basic' | { readonly service: TokenService; readonly scopes: readonly string[] } = 'nothing';

  constructor(options: RegistryCredentialOptions) {
    this.#options = options;
  }

  get authenticationPath(): string {
    return `${this.#options.session.probe.root}/`;
  }

  async headersFor(use: CredentialUse, signal: AbortSignal): Promise<RawHeaders> {
    const { session, trustOf } = this.#options;
    const endpoint = endpointOf(session.probe.root, use.path);
    if (endpoint === undefined) return [];
    const found = await session.probe.authentication(trustOf, signal);
    if (found.kind === 'basic') {
      return (await this.#acceptsBasic(signal)) ? this.#basic(await this.#options.login.get(signal)) : [];
    }
    const isLastChance = use.isUnrepeatable && !session.probe.isOpen;
    const service =
      found.kind === 'token'
        ? found.service
        : isLastChance
          ? await session.probe.serviceAt(use.method, endpoint, trustOf, signal)
          : undefined;
    if (service === undefined || this.#isRealm(service, endpoint)) return [];
    return this.#bearer(service, impliedScopes(use.method, endpoint), signal);
  }

  async headersAfter(
    challenges: readonly string[],
    use: CredentialUse,
    signal: AbortSignal,
  ): Promise<RawHeaders | undefined> {
    const { session, trustOf } = this.#options;
    const endpoint = endpointOf(session.probe.root, use.path);
    if (endpoint === undefined) return undefined;
    const found = await session.probe.authenticationNow(trustOf, signal);
    if (found.kind === 'basic') {
      if (!(await this.#acceptsBasic(signal))) return undefined;
      const { login } = this.#options;
      const better = await (this.#sent === 'basic' ? login.newer(signal) : login.get(signal));
      return better && this.#basic(better);
    }
    const service =
      found.kind === 'token' ? found.service : await session.probe.serviceAt(use.method, endpoint, trustOf, signal);
    if (service === undefined || this.#isRealm(service, endpoint)) return undefined;
    const scope = scopeWanted(challenges, service);
    const scopes = scope === undefined ? impliedScopes(use.method, endpoint) : normalScopes(scope);
    // The registry rejected a token for the same scopes, which can have been revoked: try once more with a fresh one.
    if (typeof this.#sent === 'object') session.tokens.forget(service, scopes);
    return this.#bearer(service, scopes, signal);
  }

  rejected(): void {
    const sent = this.#sent;
    if (typeof sent === 'object') this.#options.session.tokens.forget(sent.service, sent.scopes);
    else if (sent === 'basic') this.#options.login.rejected();
  }

  /**
   * Reports whether the registry can be sent the password itself. An address other than `spec.address` can be that of
   * the token service. It requires the password, and would give the client a token that works without the proxy. So it
   * gets the password only if the registry at `spec.address` requires passwords too.
   */
  async #acceptsBasic(signal: AbortSignal): Promise<boolean> {
    const { first, trustOf } = this.#options;
    return first === undefined || (await first.authentication(trustOf, signal)).kind === 'basic';
  }

  #basic(credentials: RegistryCredentials): RawHeaders {
    this.#sent = 'basic';
    return basicHeaders(credentials);
  }

  async #bearer(service: TokenService, scopes: readonly string[], signal: AbortSignal): Promise<RawHeaders> {
    this.#ensureAddressOfConnector(service);
    const { session, login, trustOf } = this.#options;
    const trust = await trustOf(service.address, signal);
    const get = (credentials: () => Promise<RegistryCredentials>): Promise<Secret> =>
      session.tokens.get(service, scopes, credentials, trust, signal);
    let token: Secret;
    try {
      token = await get(() => login.get(signal));
    } catch (error) {
      const newer = error instanceof RejectedPassword ? await login.newer(signal) : undefined;
      if (newer === undefined) throw error;
      token = await get(() => Promise.resolve(newer));
    }
    this.#sent = { service, scopes };
    return bearerHeaders(token);
  }

  /** Reports whether a path that looks like the registry's is the token service, or below it. */
  #isRealm({ address }: TokenService, { pathname }: RegistryEndpoint): boolean {
    const { address: own, session } = this.#options;
    if (address.host !== own.host || address.port !== own.port) return false;
    const { root } = session.probe;
    const [realm, requested] = [new LenientPath(address.path), new LenientPath(pathname)];
    const isBelowApi = realm.isAtOrBelow(root) && !realm.isAt(root);
    return isBelowApi ? requested.isAtOrBelow(address.path) : requested.isAt(address.path);
  }

  /**
   * Rejects a token service that is not an address of the Connector: a registry must not redirect the password
   * elsewhere.
   */
  #ensureAddressOfConnector({ address: service }: TokenService): void {
    const { address, addresses, connector } = this.#options;
    if (isAddressOfConnector(service, address, addresses)) return;
    const message = `token service is no address of connector ${connector}: the registry ${nameOf(address)} names ${nameOf(service)}; add this URL, scheme included, to spec.addressExtensions if it can have the password`;
    throw new ProxyError(502, 'misconfigured', message);
  }
}
