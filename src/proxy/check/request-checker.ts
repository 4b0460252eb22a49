import type { ConnectorRef, ResolvedConnector } from '../../shared/connectors/model.ts';
import { CodedError } from '../../shared/errors.ts';
import { proxyLimits } from '../limits.ts';
import { objectKey } from '../../shared/names.ts';
import { UsageError } from '../../shared/process/flags.ts';
import type { ClientIdentity } from '../auth/ports.ts';
import type { DecisionSources } from '../backend.ts';
import { serviceOf } from '../config.ts';
import type { ProxyConfig } from '../config.ts';
import type { ConnectorLookup } from '../connectors/connector-informer.ts';
import { mainAddressOf } from '../connectors/tool-address.ts';
import { parseConnectTarget, pathnameOf } from '../server/request-target.ts';
import type { Route, Router } from '../server/router.ts';
import { ensureWellFormed } from '../server/well-formed.ts';
import { createToolAccess } from '../tool-access.ts';
import type { ToolAccess } from '../tool-access.ts';
import { authorityOf, hostAndPort, nameOf } from '../tool/tool-origin.ts';
import type { ToolOrigin } from '../tool/tool-origin.ts';
import { ThreadShares } from '../thread-shares.ts';
import { ToolSockets } from '../tool/tool-sockets.ts';
import type { Answer } from './decision-trace.ts';
import { DecisionTrace, isForbidden } from './decision-trace.ts';
import type { Question } from './question.ts';
import { recordedRouter } from './recorded-router.ts';

interface RequestCheckerOptions {
  readonly sources: DecisionSources;
  readonly config: ProxyConfig;
  /** Whether the sources are read by another user than the proxy's, who may lack permissions that it has. */
  readonly isOtherUser: boolean;
}

/** A request that passes: it is sent, it goes through a passthrough tunnel, or the proxy responds itself. */
type Passed = Route | { readonly tunnelTo: ToolOrigin } | 'registry-root';

/** The client of a request whose permissions are not checked. */
const anyClient: ClientIdentity = {
  user: '',
  account: undefined,
  identity: { uid: '', groups: [], extra: {} },
  pod: undefined,
  expiresAtMs: Infinity,
};

/**
 * Answers whether the proxy would let a request pass. The proxy's own classes decide, from the same sources, and nothing
 * is sent to a tool.
 */
export class RequestChecker {
  readonly #options: RequestCheckerOptions;
  readonly #tools: ToolAccess;

  constructor(options: RequestCheckerOptions) {
    const { sources, config } = options;
    this.#options = options;
    this.#tools = createToolAccess({
      config,
      backend: { ...sources, apiServerEndpoints: () => [] },
      apiServer: [],
      service: serviceOf(config),
      sockets: new ToolSockets({ ...proxyLimits.toolSockets, total: 1 }),
      threads: new ThreadShares(() => performance.now()),
      clock: { now: () => Date.now() },
      monotonicNow: () => performance.now(),
    });
  }

  /**
   * @throws {UsageError} for a path with several connectors.
   * @throws {CodedError} if the sources cannot be read.
   */
  async check(question: Question, signal: AbortSignal): Promise<Answer> {
    const { sources, config, isOtherUser } = this.#options;
    const trace = new DecisionTrace(isOtherUser);
    const router = recordedRouter({ sources, config, tools: this.#tools, ...question }, trace);
    let passed: Passed | undefined;
    try {
      const url = await urlOf(question, sources, signal);
      passed = await passedOf(question, url, router, trace, signal);
    } catch (error) {
      if (isOtherUser && isForbidden(error)) {
        const fix = 'check it in the container of the proxy, or with another kubeconfig';
        throw new CodedError('FAILED_PRECONDITION', `this user cannot read what decides: ${fix}`, { cause: error });
      }
      trace.reject(isMalformed(error) ? 'request' : 'connector', error);
    }
    addConnector(question, passed, trace);
    const destination = passed === undefined ? null : destinationOf(passed, trace);
    const { response, connector, verb = null, decision = null, rule = null, credential, steps } = trace;
    return {
      passes: response === undefined,
      response:
        response === undefined ? null : { status: response.status, reason: response.kind, message: response.message },
      connector: connector === undefined ? null : objectKey(connector.ref),
      ...{ verb, decision, rule, credential, destination, steps },
    };
  }
}

/** Returns the URL of the request; undefined for a path if the Connector has no address. */
async function urlOf(
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
  const clientWithConnectors = { client, connectors };
  const target = url === undefined ? undefined : router.targetOf(url);
  const host = target?.kind === 'forward' ? authorityOf(target.named) : 'proxy.invalid';
  const request = { method: asked.method, httpVersion: '1.1', rawHeaders: ['Host', host, ...asked.headers] };
  if (url === undefined && only !== undefined) {
    // Only in reverse mode can a request be for a Connector without an address.
    const reversed = { connector: only, prefix: '', path: asked.target, base, isImagePull: false };
    return router.reverse(client, reversed, request, trace, signal);
  }
  if (target?.kind === 'forward' && target.named.scheme === 'https') {
    const tunnel = parseConnectTarget(hostAndPort(target.named)) ?? target.named;
    const matches = await router.matchesOf(clientWithConnectors, tunnel, trace, signal);
    if (matches.length === 0) return { tunnelTo: tunnel };
    ensureWellFormed(request, target);
    return router.forward(clientWithConnectors, { named: tunnel, path: target.path }, request, trace, signal);
  }
  ensureWellFormed(request, target);
  if (target.kind === 'reverse')
    return router.reverse(client, { ...target, base, isImagePull: false }, request, trace, signal);
  return target.kind === 'forward'
    ? router.forward(clientWithConnectors, target, request, trace, signal)
    : 'registry-root';
}

function addConnector({ connectors }: Question, passed: Passed | undefined, trace: DecisionTrace): void {
  const { connector, address, named } = trace;
  if (passed === 'registry-root') trace.add('connector', 'ok', 'none: the proxy responds itself, as a registry does');
  else if (connector !== undefined) {
    const at = address === undefined ? '' : ` by its address ${nameOf(address)}${address.path}`;
    trace.add('connector', 'ok', `${objectKey(connector.ref)}${at}`);
  } else if (passed !== undefined) {
    const part = named.length === 0 ? 'host' : 'path';
    const names = connectors.map(objectKey).join(', ');
    trace.add('connector', 'warn', `the ${part} belongs to none of ${names}: no credential is sent, no rule applies`);
  }
}

function destinationOf(passed: Passed, trace: DecisionTrace): Answer['destination'] {
  if (passed === 'registry-root') return null;
  if ('tunnelTo' in passed) {
    const { scheme, host, port } = passed.tunnelTo;
    trace.add('destination', 'ok', `a passthrough tunnel to ${hostAndPort(passed.tunnelTo)}`);
    return { scheme, host, port, path: null };
  }
  const { origin, path } = passed.outgoing;
  const { scheme, host, port } = origin;
  const pathname = pathnameOf(path);
  trace.add('destination', 'ok', `${scheme}://${hostAndPort(origin)}${pathname}`);
  return { scheme, host, port, path: pathname };
}

function isMalformed(error: unknown): boolean {
  return error instanceof Error && 'kind' in error && error.kind === 'malformed';
}
