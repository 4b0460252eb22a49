import type { Awaitable } from '../../shared/awaitable.ts';
import type { ConnectorRef, ResolvedConnector } from '../../shared/connectors/model.ts';
import type { ConnectorAuthorizer } from '../auth/connector-authorizer.ts';
import { withReadableMount } from '../credentials/blob-mount.ts';
import { bestMatch, isWithin, matchesOfHost } from '../connectors/connector-match.ts';
import type { ConnectorMatch } from '../connectors/connector-match.ts';
import type { ToolOrigin } from '../tool/tool-origin.ts';
import { mainAddressOf } from '../connectors/tool-address.ts';
import type { ToolAddress } from '../connectors/tool-address.ts';
import type { ToolCredentials } from '../credentials/tool-credentials.ts';
import type { RequestForRules } from '../rules/read-only.ts';
import { misconfigured } from '../proxy-error.ts';
import { pathProblem } from '../rules/request-path.ts';
import { ownerLimitsOf } from '../rules/owner-limits.ts';
import type { OwnerLimits } from '../rules/owner-limits.ts';
import { verbOf } from '../rules/read-only.ts';
import type { RawHeaders } from '../tool/headers.ts';
import type { Outgoing } from '../tool/tool-exchange.ts';
import { ownerOfConnector } from '../tool/resolver.ts';
import { withoutMirrorParameter, parseRequestTarget, pathnameOf } from './request-target.ts';
import type { RequestTarget } from './request-target.ts';
import type { RouteRecord } from './server-observer.ts';
import { ambiguousPath, missing, ensureUnmatchedAllowed, withoutCredential } from './unmatched-hosts.ts';
import { rewriteResponseHeaders } from './reverse-response.ts';
import { requestForRules } from './rule-enforcer.ts';
import type { IncomingRequest, RuleEnforcer } from './rule-enforcer.ts';
import type { AuthenticatedClient, ClientWithConnectors } from './authenticated-client.ts';
import type { UnmatchedHostsOptions } from './unmatched-hosts.ts';

export interface RouterOptions extends UnmatchedHostsOptions {
  readonly authorizer: Pick<ConnectorAuthorizer, 'authorize' | 'authorizeAny'>;
  readonly rules: Pick<RuleEnforcer, 'enforce' | 'permitsRead'>;
  readonly credentials: Pick<ToolCredentials, 'of'>;
  /** Reports whether a host in lower case is a name of the proxy itself. */
  readonly isSelfName: (host: string) => boolean;
}

/** The destination of a request, and the connector that it uses. */
export interface Route {
  /** The connector; undefined if the host belongs to no named connector, and the request gets no credential. */
  readonly connector: ConnectorRef | undefined;
  /** Limits of the connector for the client; undefined without a connector. */
  readonly ownerLimits?: OwnerLimits;
  readonly outgoing: Outgoing;
}

/** The connector of a request, and the request as its tool gets it. */
interface Destination {
  readonly found: ResolvedConnector;
  readonly address: ToolAddress;
  /** With the query. */
  readonly path: string;
}

/** A destination with the request as rules see it. */
type CheckedDestination = Destination & { readonly forRules: RequestForRules };

/** A request in reverse mode: the connector that its path names, and the path below it. */
interface ReverseRequest {
  readonly connector: ConnectorRef;
  readonly path: string;
  readonly isImagePull: boolean;
}

/** Selects the connector of each request, authorizes the client for it, and selects the credential. */
export class Router {
  readonly #options: RouterOptions;

  constructor(options: RouterOptions) {
    this.#options = options;
  }

  /** Parses the target of a request outside a tunnel; undefined for a malformed request line. */
  targetOf(url: string): RequestTarget | undefined {
    return parseRequestTarget(url, this.#options.isSelfName);
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
    authenticated: ClientWithConnectors,
    named: ToolOrigin,
    entry: RouteRecord,
    signal: AbortSignal,
  ): Promise<readonly ConnectorMatch[]> {
    const matches = matchesOfHost(await this.#resolved(authenticated, signal), named);
    if (matches.length > 0) entry.named = refsOf(matches);
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
    authenticated: ClientWithConnectors,
    { named, path }: { readonly named: ToolOrigin; readonly path: string },
    request: IncomingRequest,
    entry: RouteRecord,
    signal: AbortSignal,
  ): Promise<Route> {
    const matches = matchesOfHost(await this.#resolved(authenticated, signal), named);
    if (matches.length > 0) entry.named = refsOf(matches);
    const match = bestMatch(matches, pathnameOf(path));
    if (match === undefined) return this.#toOther(authenticated, named, path, matches, signal);
    const { connector, address } = match;
    entry.named = [connector.ref];
    const destination = (): Destination => ({ found: match, address, path });
    const { route } = await this.#routeTo(authenticated.client, connector.ref, destination, request, entry, signal);
    return route;
  }

  /**
   * Routes a request in reverse mode, whose path names the connector.
   * @param target its `base` is `http://HOST` or `https://HOST`, as the client names the proxy.
   * @param entry as for `forward`.
   * @throws {ProxyError} {CodedError}
   */
  async reverse(
    client: AuthenticatedClient['client'],
    target: ReverseRequest & { readonly prefix: string; readonly base: string },
    request: IncomingRequest,
    entry: RouteRecord,
    signal: AbortSignal,
  ): Promise<Route> {
    const { connector: ref, prefix, base } = target;
    const destination = (): Promise<Destination> => this.#reverseDestination(target, signal);
    const { route, address, path } = await this.#routeTo(client, ref, destination, request, entry, signal);
    return {
      ...route,
      outgoing: {
        ...route.outgoing,
        withoutHeaders: new Set(['authorization']),
        rewriteResponseHeaders: (headers) => rewriteResponseHeaders(headers, { address, path, prefix, base }),
      },
    };
  }

  /**
   * Authorizes the client, then looks at the request. Of a client that cannot read the connector, neither path, query
   * nor body are read.
   */
  async #routeTo(
    client: AuthenticatedClient['client'],
    ref: ConnectorRef,
    destination: () => Awaitable<Destination>,
    request: IncomingRequest,
    entry: RouteRecord,
    signal: AbortSignal,
  ): Promise<Omit<Destination, 'found'> & { readonly route: Route }> {
    let looking: Promise<CheckedDestination> | undefined;
    const look = (): Promise<CheckedDestination> => (looking ??= this.#look(destination, request, entry, signal));
    await this.#options.authorizer.authorize(client, ref, async () => verbOf((await look()).forRules), signal);
    const { found, address, path: clientPath, forRules } = await look();
    const { rules } = this.#options;
    rules.enforce(found, forRules, entry);
    const path = withReadableMount(
      forRules.method,
      clientPath,
      (blob) => isWithin(blob, address.path) && rules.permitsRead(found, blob),
    );
    const { connector, connectorClass } = found;
    const credential = await this.#options.credentials.of(connector, connectorClass, address, signal);
    const trust =
      address.scheme === 'https' ? (credential.trust ?? (await this.#options.trust.of(connector, signal))) : undefined;
    const via = this.#options.via.headers;
    const outgoing = { origin: address, path, trust, credential, owner: ownerOfConnector(ref), via };
    const ownerLimits = ownerLimitsOf(connector, connectorClass);
    return { address, path, route: { connector: ref, ownerLimits, outgoing } };
  }

  async #look(
    destination: () => Awaitable<Destination>,
    request: IncomingRequest,
    entry: RouteRecord,
    signal: AbortSignal,
  ): Promise<CheckedDestination> {
    const { found, address, path } = await destination();
    ensureInside(path);
    const forRules = await requestForRules(request, path, found.connectorClass, signal);
    entry.verb = verbOf(forRules);
    return { found, address, path, forRules };
  }

  /** Reads the connector of a request in reverse mode. @throws {ProxyError} {CodedError} */
  async #reverseDestination(
    { connector: ref, path, isImagePull }: ReverseRequest,
    signal: AbortSignal,
  ): Promise<Destination> {
    const found = await this.#options.connectors.find(ref, signal);
    if (found === undefined) throw missing([ref]);
    const address = mainAddressOf(found.connector);
    if ('reason' in address) throw misconfigured(ref, address.message);
    return { found, address, path: `${address.path}${isImagePull ? withoutMirrorParameter(path) : path}` };
  }

  /** Routes a request without a credential. @param matches connectors at the host with other paths. */
  async #toOther(
    authenticated: ClientWithConnectors,
    named: ToolOrigin,
    path: string,
    matches: readonly ConnectorMatch[],
    signal: AbortSignal,
  ): Promise<Route> {
    await this.#authorizeHost(authenticated, named, matches, signal);
    if (matches.length > 0) ensureInside(path);
    const outgoing = await withoutCredential(this.#options, authenticated, named, path, matches[0], signal);
    return { connector: undefined, outgoing };
  }

  /** Authorizes the client for a host, which needs one of the connectors there. */
  async #authorizeHost(
    authenticated: ClientWithConnectors,
    named: ToolOrigin,
    matches: readonly ConnectorMatch[],
    signal: AbortSignal,
  ): Promise<void> {
    if (matches.length === 0) await ensureUnmatchedAllowed(this.#options, authenticated, named, signal);
    else await this.#options.authorizer.authorizeAny(authenticated.client, refsOf(matches), signal);
  }

  /** Reads the named connectors. Unreadable ones are left out, so that requests for the others still succeed. */
  async #resolved({ connectors }: ClientWithConnectors, signal: AbortSignal): Promise<readonly ResolvedConnector[]> {
    const resolved: ResolvedConnector[] = [];
    for (const ref of connectors) {
      try {
        // One after the other: connectors are cached, all of them or none.
        const found = await this.#options.connectors.find(ref, signal);
        if (found !== undefined) resolved.push(found);
      } catch {
        // Left out; `ensureUnmatchedAllowed` reports the error for hosts of no other connector.
      }
    }
    return resolved;
  }
}

/** @throws {ProxyError} 400 if the tool could read the path as one outside the connector. */
function ensureInside(path: string): void {
  const problem = pathProblem(pathnameOf(path));
  if (problem !== undefined) throw ambiguousPath(problem);
}

function refsOf(matches: readonly ConnectorMatch[]): readonly ConnectorRef[] {
  return [...new Set(matches.map(({ connector }) => connector.ref))];
}
