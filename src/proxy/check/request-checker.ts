import type { ConnectorRef, ResolvedConnector } from '../../shared/connectors/model.js';
import { CodedError } from '../../shared/errors.js';
import { proxyLimits } from '../limits.js';
import { UsageError } from '../../shared/process/flags.js';
import type { ClientIdentity } from '../auth/client-identity.js';
import type { DecisionSources } from '../backend.js';
import { serviceOf } from '../config.js';
import type { NamedHost } from '../connectors/connector-match.js';
import type { ConnectorLookup } from '../connectors/connector-lookup.js';
import { mainAddressOf } from '../connectors/tool-address.js';
import { parseConnectTarget } from '../server/request-target.js';
import type { NamingClient } from '../server/authenticated-client.js';
import type { Router } from '../server/router.js';
import { ensureWellFormed } from '../server/well-formed.js';
import { createToolAccess } from '../tool-access.js';
import type { ToolAccess } from '../tool-access.js';
import { authorityOf, nameOf } from '../tool/tool-origin.js';
import { ToolSockets } from '../tool/tool-sockets.js';
import type { Answer } from './answer.js';
import { DecisionTrace } from './decision-trace.js';
import { RecordedSecrets } from './recorded-secrets.js';
import { RouteParts, authorityWithPort } from './route-parts.js';
import type { Passed, Question, RequestCheckerOptions } from './route-parts.js';

/** The client of a request whose permissions are not checked. */
const anyClient: ClientIdentity = {
  user: '',
  uid: undefined,
  groups: [],
  extra: {},
  pod: undefined,
  expiresAtMs: Infinity,
};

/**
 * Answers whether the proxy would let a request pass. The proxy's own classes decide, from the same sources, and nothing
 * is sent to a tool. Checks must not overlap.
 */
export class RequestChecker {
  readonly #options: RequestCheckerOptions;
  readonly #secrets: RecordedSecrets;
  readonly #tools: ToolAccess;

  constructor(options: RequestCheckerOptions) {
    const { sources, config } = options;
    this.#options = options;
    this.#secrets = new RecordedSecrets(sources.secrets);
    this.#tools = createToolAccess({
      config,
      backend: { secrets: this.#secrets, apiServerEndpoints: () => [] },
      apiServer: [],
      service: serviceOf(config),
      sockets: new ToolSockets({ ...proxyLimits.toolSockets, total: 1 }),
      clock: { now: () => Date.now() },
      monotonicNow: () => performance.now(),
    });
  }

  /**
   * @throws {UsageError} for a path with several connectors.
   * @throws {CodedError} if the sources cannot be read.
   */
  async check(question: Question, signal: AbortSignal): Promise<Answer> {
    const { sources, isOtherUser } = this.#options;
    const trace = new DecisionTrace(isOtherUser);
    const found = new RouteParts(this.#options, this.#tools, this.#secrets, trace, question);
    let passed: Passed | undefined;
    try {
      const url = await this.#urlOf(question, sources, signal);
      passed = await passedOf(question, url, found.router(), trace, signal);
    } catch (error) {
      trace.reject(isMalformed(error) ? 'request' : 'connector', error);
    }
    return found.answer(passed);
  }

  /** Returns the URL of the request; undefined for a path if the Connector has no address. */
  async #urlOf(
    { connectors, request: { target } }: Question,
    { connectors: lookup }: DecisionSources,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    if (!target.startsWith('/')) return target;
    const [ref, other] = connectors;
    if (ref === undefined || other !== undefined) {
      throw new UsageError('a path belongs to one connector: write a URL, or name one connector');
    }
    const found = await usableConnector(lookup, ref, signal);
    const address = found && mainAddressOf(found.connector);
    return address === undefined || 'reason' in address ? undefined : `${nameOf(address)}${target}`;
  }
}

/** Returns the Connector; undefined if it does not exist or cannot be used. */
async function usableConnector(
  lookup: ConnectorLookup,
  ref: ConnectorRef,
  signal: AbortSignal,
): Promise<ResolvedConnector | undefined> {
  try {
    return await lookup.find(ref, signal);
  } catch (error) {
    if (error instanceof CodedError && error.code === 'FAILED_PRECONDITION') return undefined;
    throw error;
  }
}

async function passedOf(
  { connectors, client = anyClient, request: asked }: Question,
  url: string | undefined,
  router: Router,
  trace: DecisionTrace,
  signal: AbortSignal,
): Promise<Passed> {
  const base = 'http://proxy.invalid';
  const [only] = connectors;
  const naming = { client, connectors };
  const target = url === undefined ? undefined : router.targetOf(url);
  const host = target?.kind === 'forward' ? authorityOf(target.named) : 'proxy.invalid';
  const request = { method: asked.method, httpVersion: '1.1', rawHeaders: ['Host', host, ...asked.headers] };
  if (url === undefined && only !== undefined) {
    // Only in reverse mode can a request be for a Connector without an address.
    const reversed = { connector: only, prefix: '', path: asked.target, base, isImagePull: false };
    return router.reverse(client, reversed, request, trace, signal);
  }
  if (target?.kind === 'forward' && target.named.scheme === 'https') {
    const tunnel = parseConnectTarget(authorityWithPort(target.named)) ?? target.named;
    if (!(await isIntercepted(tunnel, router, naming, trace, signal))) return { tunnelTo: tunnel };
    ensureWellFormed(request, target);
    return router.forward(naming, { named: tunnel, path: target.path }, request, trace, signal);
  }
  ensureWellFormed(request, target);
  if (target.kind === 'reverse') {
    trace.setNamed([target.connector]);
    return router.reverse(client, { ...target, base, isImagePull: false }, request, trace, signal);
  }
  return target.kind === 'forward' ? router.forward(naming, target, request, trace, signal) : 'registry-root';
}

/**
 * Reports whether the proxy terminates the TLS of a tunnel. After a denial the request in the tunnel is checked as well.
 * @throws {ProxyError} if the proxy does not open the tunnel.
 */
async function isIntercepted(
  tunnel: NamedHost,
  router: Router,
  naming: NamingClient,
  trace: DecisionTrace,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    return (await router.matchesOf(naming, tunnel, trace, signal)).length > 0;
  } catch (error) {
    trace.reject('connector', error);
    if (trace.atHost.length === 0) throw error;
    return true;
  }
}

function isMalformed(error: unknown): boolean {
  return error instanceof Error && 'kind' in error && error.kind === 'malformed';
}
