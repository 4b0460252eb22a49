import { SingleFlight } from '../../../shared/limits/single-flight.ts';
import type { Clock } from '../../../shared/clock.ts';
import { proxyLimits } from '../../limits.ts';
import { ProxyError } from '../../proxy-error.ts';
import { valuesOf } from '../../tool/headers.ts';
import { sendInBackChannel } from '../../tool/back-channel.ts';
import type { ToolOwner } from '../../tool/resolver.ts';
import type { ToolClient } from '../../tool/tool-client.ts';
import { authorityOf, nameOf } from '../../tool/tool-origin.ts';
import type { Trust } from '../../tool/trust.ts';
import type { Challenge } from './challenge.ts';
import { parseChallenges } from './challenge.ts';
import type { RegistryEndpoint } from './registry-api.ts';
import { apiRootOf, uploadsPath, isReadMethod } from './registry-api.ts';
import type { TokenService } from './registry-tokens.ts';
import type { ToolAddress } from '../../connectors/tool-address.ts';
import { parseToolAddress } from '../../connectors/tool-address.ts';

/** The authentication that a registry requires. */
type Authentication =
  | { readonly kind: 'none' }
  | { readonly kind: 'basic' }
  | { readonly kind: 'token'; readonly service: TokenService };

interface RegistryProbeOptions {
  readonly client: ToolClient;
  readonly clock: Clock;
  readonly address: ToolAddress;
  readonly owner: ToolOwner;
}

/** Returns the trust store for an address; undefined for `http`. */
export type TrustOf = (address: ToolAddress, signal: AbortSignal) => Promise<Trust | undefined>;

/**
 * Learns the authentication that one registry requires, only from the proxy's own requests. Responses to clients'
 * requests are not used: a client chooses their path. A token service that responds there would get the password, and
 * the client a token that works without the proxy.
 */
export class RegistryProbe {
  /** See `apiRootOf`. */
  readonly root: string;
  readonly #options: RegistryProbeOptions;
  readonly #atRoot = new SingleFlight<Authentication>();
  readonly #atEndpoint = new SingleFlight<TokenService | undefined>();
  #learned: Authentication | undefined;
  #learnedMs = -Infinity;
  #openSinceMs = -Infinity;

  constructor(options: RegistryProbeOptions) {
    this.#options = options;
    this.root = apiRootOf(options.address);
  }

  /**
   * Returns the authentication required in the response to `GET /v2/`. It is learned once.
   * @throws {ProxyError} if it cannot be learned now.
   * @throws {CodedError} the signal's reason.
   */
  async authentication(trustOf: TrustOf, signal: AbortSignal): Promise<Authentication> {
    return this.#learned ?? this.#learn(trustOf, signal);
  }

  /**
   * Returns the authentication again for a registry that has rejected what it required. Probes it again, but at most
   * once in `reprobeMs`.
   */
  async authenticationNow(trustOf: TrustOf, signal: AbortSignal): Promise<Authentication> {
    const learned = this.#learned;
    if (learned !== undefined && this.#options.clock.now() - this.#learnedMs < proxyLimits.registries.reprobeMs)
      return learned;
    try {
      return await this.#learn(trustOf, signal);
    } catch (error) {
      if (learned === undefined || !(error instanceof ProxyError)) throw error;
      return learned;
    }
  }

  /**
   * Returns the token service that a registry names at an endpoint, for registries that name none at `GET /v2/`. Reads
   * are probed with HEAD at their own path, pushes with the first request of a push. A Basic challenge is ignored here:
   * the client has chosen the path, so it can lead to a token service.
   */
  async serviceAt(
    method: string,
    endpoint: RegistryEndpoint,
    trustOf: TrustOf,
    signal: AbortSignal,
  ): Promise<TokenService | undefined> {
    const isPush = endpoint.kind === 'repository' && !isReadMethod(method);
    const probe = isPush ? 'POST' : 'HEAD';
    const path = isPush ? uploadsPath(this.root, endpoint.name) : endpoint.pathname;
    return this.#atEndpoint.run(`${probe} ${path}`, signal, async (shared) => {
      const found = await this.#probe(probe, path, trustOf, shared);
      if (found.kind !== 'token') {
        if (isPush) this.#openSinceMs = this.#options.clock.now();
        return undefined;
      }
      this.#keep(found);
      return found.service;
    });
  }

  /** Whether a push was possible without authentication within `openMs`. */
  get isOpen(): boolean {
    return this.#options.clock.now() - this.#openSinceMs < proxyLimits.registries.openMs;
  }

  #learn(trustOf: TrustOf, signal: AbortSignal): Promise<Authentication> {
    return this.#atRoot.run('', signal, async (shared) => {
      const found = await this.#probe('GET', `${this.root}/`, trustOf, shared);
      this.#keep(found);
      return found;
    });
  }

  #keep(found: Authentication): void {
    this.#learned = found;
    this.#learnedMs = this.#options.clock.now();
  }

  async #probe(method: string, path: string, trustOf: TrustOf, signal: AbortSignal): Promise<Authentication> {
    const { client, address, owner } = this.#options;
    const registry = nameOf(address);
    const headers = ['Host', authorityOf(address), ...(method === 'POST' ? ['Content-Length', '0'] : [])];
    const trust = await trustOf(address, signal);
    const request = { origin: address, method, path, headers, trust, owner };
    const { status, rawHeaders } = await sendInBackChannel(client, request, registry, proxyLimits.backChannel, signal);
    if (status === 429 || status >= 500) {
      const message = `${registry} responded ${status} to ${method} ${path}: the proxy cannot learn how to authenticate`;
      throw new ProxyError(502, 'protocol', message);
    }
    if (status !== 401) return { kind: 'none' };
    return authenticationIn(parseChallenges(valuesOf(rawHeaders, 'www-authenticate')), registry);
  }
}

function authenticationIn(challenges: readonly Challenge[], registry: string): Authentication {
  const found = challenges.find(isForToken)?.params;
  if (found === undefined) return { kind: challenges.some(({ scheme }) => scheme === 'basic') ? 'basic' : 'none' };
  const [realm = '', service] = [found.get('realm'), found.get('service')].map(ownCopy);
  const address = parseToolAddress(realm.replace(/[?#].*$/s, ''));
  const { nameLength } = proxyLimits.registries;
  if (address === undefined || realm.length > nameLength || (service?.length ?? 0) > nameLength) {
    const message = `${registry} names a token service that is not a URL, or has a name too long`;
    throw new ProxyError(502, 'misconfigured', message);
  }
  return { kind: 'token', service: { realm, address, service } };
}

/** Copies a part of a header: a slice would keep the whole header in memory. */
function ownCopy(text: string | undefined): string | undefined {
  return text === undefined ? undefined : Buffer.from(text).toString();
}

/**
 * Returns the scope that a challenge requires from a token service; undefined if it names another service or no scope.
 */
export function scopeWanted(challenges: readonly string[], { realm, service }: TokenService): string | undefined {
  return parseChallenges(challenges)
    .filter(isForToken)
    .find(({ params }) => params.get('realm') === realm && params.get('service') === service)
    ?.params.get('scope');
}

function isForToken({ scheme, params }: Challenge): boolean {
  return scheme === 'bearer' && params.has('realm');
}
