import type { ConnectorRef, ResolvedConnector } from '../../connectors/model.js';
import type { ConnectorAuthorizer } from '../auth/connector-authorizer.js';
import { bestMatch, matchesOfHost } from '../credential/connector-match.js';
import type { ConnectorMatch, NamedHost } from '../credential/connector-match.js';
import { pathProblem } from '../credential/path-problem.js';
import { mainAddressOf } from '../credential/tool-address.js';
import type { ToolAddress } from '../credential/tool-address.js';
import type { ToolCredentials } from '../credential/tool-credentials.js';
import type { RuledRequest } from '../../rules/ruled-request.js';
import { clientLimitsOf } from '../../rules/client-limits.js';
import type { ClientLimits } from '../../rules/client-limits.js';
import { verbOf } from '../../rules/verb.js';
import type { RawHeaders } from '../upstream/headers.js';
import type { Outgoing } from '../upstream/outgoing.js';
import { ownerOfHost } from '../upstream/resolver.js';
import type { ToolOrigin } from '../upstream/tool-origin.js';
import type { Trust } from '../upstream/trust.js';
import { isServed } from './connector-use.js';
import type { UseListener } from './connector-use.js';
import { toProxyError } from './error-response.js';
import { parseRequestTarget, pathnameOf } from './request-target.js';
import type { RequestTarget } from './request-target.js';
import type { AccessLogEntry } from './access-log-entry.js';
import { ambiguousPath, missing, withoutAddress } from './routing-errors.js';
import { rewriteResponseHeaders } from './reverse-response.js';
import { ruledRequest } from './rule-enforcer.js';
import type { RoutedRequest } from './rule-enforcer.js';
import type { RuleEnforcer } from './rule-enforcer.js';
import type { AuthenticatedClient, NamingClient } from './authenticated-client.js';
import { OtherHosts } from './other-hosts.js';
import type { OtherHostsOptions } from './other-hosts.js';

export interface RouterOptions extends OtherHostsOptions {
  readonly authorizer: Pick<ConnectorAuthorizer, 'authorize' | 'authorizeAny'>;
  readonly rules: Pick<RuleEnforcer, 'enforce'>;
  readonly credentials: Pick<ToolCredentials, 'of'>;
  /** Reports whether a host in lower case is a name of the proxy itself. */
  readonly isOwnName: (host: string) => boolean;
  readonly onUse: UseListener;
}

/** Records the decisions about a request. */
export type RouteObserver = Pick<AccessLogEntry, 'names' | 'isFor' | 'decides'>;

/** The destination of a request, and the connector that it uses. */
export interface Route {
  /** The connector; undefined if the host belongs to no named connector, and the request gets no credential. */
  readonly connector: ConnectorRef | undefined;
  /** Limits of the connector for the client; undefined without a connector. */
  readonly clientLimits?: ClientLimits;
  readonly outgoing: Outgoing;
}

/** The connector of a request in reverse mode, and the request as its tool gets it. */
interface ReverseDestination {
  readonly found: ResolvedConnector;
  readonly address: ToolAddress;
  readonly path: string;
  readonly ruled: RuledRequest;
}

/** Selects the connector of each request, authorizes the client for it, and selects the credential. */
export class Router {
  readonly #options: RouterOptions;
  readonly #otherHosts: OtherHosts;

  constructor(options: RouterOptions) {
    this.#options = options;
    this.#otherHosts = new OtherHosts(options);
  }

  /** Parses the target of a request outside a tunnel; undefined for a malformed request line. */
  targetOf(url: string): RequestTarget | undefined {
    return parseRequestTarget(url, this.#options.isOwnName);
  }

  /** @throws {ProxyError} 508 for a request or CONNECT that has passed through this proxy before. */
  ensureFirstPass({ rawHeaders }: { readonly rawHeaders: RawHeaders }): void {
    this.#options.via.ensureFirstPass(rawHeaders);
  }

  /**
   * Returns the named connectors at a host, for a CONNECT. If there are any, the proxy terminates TLS.
   * @throws {ProxyError} if the client can use none of them, or the host belongs to no connector and such hosts are
   * denied.
   */
  async matchesOf(
    authenticated: NamingClient,
    named: NamedHost,
    entry: RouteObserver,
    signal: AbortSignal,
  ): Promise<readonly ConnectorMatch[]> {
    const matches = matchesOfHost(await this.#resolved(authenticated, signal), named);
    if (matches.length > 0) entry.names(refsOf(matches));
    await this.#authorizeHost(authenticated, named, matches, signal);
    return matches;
  }

  /**
   * Routes a request in forward or intercepted mode.
   * @param target the host in its request line, or that of its tunnel, and the path with the query.
   * @param entry records the connectors that the request is for, also if it is rejected.
   * @throws {ProxyError} {CodedError}
   */
  async forward(
    authenticated: NamingClient,
    { named, path }: { readonly named: NamedHost; readonly path: string },
    request: RoutedRequest,
    entry: RouteObserver,
    signal: AbortSignal,
  ): Promise<Route> {
    const matches = matchesOfHost(await this.#resolved(authenticated, signal), named);
    if (matches.length > 0) entry.names(refsOf(matches));
    const pathname = pathnameOf(path);
    const problem = matches.length === 0 ? undefined : pathProblem(pathname);
    if (problem !== undefined) {
      await this.#options.authorizer.authorizeAny(authenticated.client, refsOf(matches), signal);
      throw ambiguousPath(problem);
    }
    const match = bestMatch(matches, pathname);
    if (match === undefined) return this.#toOther(authenticated, named, path, matches, signal);
    const { connector, connectorClass, address } = match;
    entry.names([connector.ref]);
    const ruled = await ruledRequest(request, path, signal);
    entry.isFor(ruled);
    await this.#options.authorizer.authorize(authenticated.client, connector.ref, () => verbOf(ruled), signal);
    const { isReadOnly } = this.#options.rules.enforce(match, ruled, entry);
    const origin: ToolOrigin = address;
    const { trust, credential } = await this.#access(match, address, isReadOnly, signal);
    const lookedUpFor = ownerOfHost(connector.ref);
    const via = this.#options.via.headers;
    return {
      connector: connector.ref,
      clientLimits: clientLimitsOf(connector, connectorClass),
      outgoing: { origin, path, trust, credential, lookedUpFor, via },
    };
  }

  /**
   * Routes a request in reverse mode, whose path names the connector.
   * @param target its `base` is `http://HOST` or `https://HOST`, as the client names the proxy.
   * @param entry as for `forward`.
   * @throws {ProxyError} {CodedError}
   */
  async reverse(
    client: AuthenticatedClient['client'],
    target: { readonly connector: ConnectorRef; readonly prefix: string; readonly path: string; readonly base: string },
    request: RoutedRequest,
    entry: RouteObserver,
    signal: AbortSignal,
  ): Promise<Route> {
    const { connector: ref, prefix, base } = target;
    let resolving: Promise<ReverseDestination> | undefined;
    const resolve = (): Promise<ReverseDestination> =>
      (resolving ??= this.#reverseTarget(target, request, entry, signal));
    await this.#options.authorizer.authorize(client, ref, async () => verbOf((await resolve()).ruled), signal);
    const { found, address, path, ruled } = await resolve();
    const { isReadOnly } = this.#options.rules.enforce(found, ruled, entry);
    const origin: ToolOrigin = address;
    const { trust, credential } = await this.#access(found, address, isReadOnly, signal);
    return {
      connector: ref,
      clientLimits: clientLimitsOf(found.connector, found.connectorClass),
      outgoing: {
        origin,
        path,
        trust,
        credential,
        lookedUpFor: ownerOfHost(ref),
        via: this.#options.via.headers,
        withoutHeaders: new Set(['authorization']),
        rewriteResponseHeaders: (headers) => rewriteResponseHeaders(headers, { address, path, prefix, base }),
      },
    };
  }

  /** Reads the connector of a request in reverse mode, for clients that can read it. @throws {ProxyError} {CodedError} */
  async #reverseTarget(
    { connector: ref, path: below }: { readonly connector: ConnectorRef; readonly path: string },
    request: RoutedRequest,
    entry: RouteObserver,
    signal: AbortSignal,
  ): Promise<ReverseDestination> {
    const found = await this.#options.connectors.find(ref, signal);
    if (found === undefined) throw missing([ref]);
    const address = mainAddressOf(found.connector);
    if ('reason' in address) throw withoutAddress(ref, address);
    const problem = pathProblem(pathnameOf(below));
    if (problem !== undefined) throw ambiguousPath(problem);
    const path = `${address.path}${below}`;
    const ruled = await ruledRequest(request, path, signal);
    entry.isFor(ruled);
    return { found, address, path, ruled };
  }

  /** Routes a request without a credential. @param matches connectors at the host with other paths. */
  async #toOther(
    authenticated: NamingClient,
    named: NamedHost,
    path: string,
    matches: readonly ConnectorMatch[],
    signal: AbortSignal,
  ): Promise<Route> {
    await this.#authorizeHost(authenticated, named, matches, signal);
    const outgoing = await this.#otherHosts.outgoing(authenticated, named, path, matches[0], signal);
    return { connector: undefined, outgoing };
  }

  /** Authorizes the client for a host, which needs one of the connectors there. */
  async #authorizeHost(
    authenticated: NamingClient,
    named: NamedHost,
    matches: readonly ConnectorMatch[],
    signal: AbortSignal,
  ): Promise<void> {
    if (matches.length === 0) await this.#otherHosts.ensureAllowed(authenticated, named, signal);
    else await this.#options.authorizer.authorizeAny(authenticated.client, refsOf(matches), signal);
  }

  async #access(
    { connector, connectorClass }: ResolvedConnector,
    address: ToolAddress,
    isReadOnly: boolean,
    signal: AbortSignal,
  ): Promise<Pick<Outgoing, 'trust' | 'credential'>> {
    const { credentials, trust: trusted, onUse } = this.#options;
    try {
      const trust: Trust | undefined = address.scheme === 'https' ? await trusted.of(connector, signal) : undefined;
      const credential = await credentials.of(connector, connectorClass, address, signal, isReadOnly);
      return { trust, credential };
    } catch (error) {
      if (isServed(toProxyError(error).kind, 0) === false) onUse(connector.ref, false);
      throw error;
    }
  }

  /** Reads the named connectors. Unreadable ones are left out, so that requests for the others still succeed. */
  async #resolved({ connectors }: NamingClient, signal: AbortSignal): Promise<readonly ResolvedConnector[]> {
    const resolved: ResolvedConnector[] = [];
    for (const ref of connectors) {
      try {
        // One after the other: connectors are cached, all of them or none.
        const found = await this.#options.connectors.find(ref, signal);
        if (found !== undefined) resolved.push(found);
      } catch {
        // Left out; `OtherHosts` reports the error for hosts of no other connector.
      }
    }
    return resolved;
  }
}

function refsOf(matches: readonly ConnectorMatch[]): readonly ConnectorRef[] {
  return [...new Set(matches.map(({ connector }) => connector.ref))];
}
