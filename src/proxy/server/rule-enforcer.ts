import type { IncomingMessage } from 'node:http';
import { withTimeout } from '../../shared/abortable.ts';
import type { Connector, ConnectorClass, ResolvedConnector } from '../../shared/connectors/model.ts';
import { decide } from '../rules/decision.ts';
import { isOfClass, isOfGit, isParsed, keepsSlash, ruleAnnotations, rulesOf } from '../rules/request-rules.ts';
import { downloadBatch, isLfsBatch, isRead } from '../rules/read-only.ts';
import type { RequestForRules } from '../rules/read-only.ts';
import { proxyLimits } from '../limits.ts';
import type { ThreadShares } from '../thread-shares.ts';
import { ProxyError } from '../proxy-error.ts';
import { isPassableUpgrade } from '../tool/exchange-headers.ts';
import { hasBody, valuesOf } from '../tool/headers.ts';
import type { RequestBody } from '../tool/request-body.ts';
import { pathnameOf } from './request-target.ts';
import type { RouteRecord, ServerObserver } from './server-observer.ts';

const override = `override it by annotation ${ruleAnnotations.access}: full`;

/** Enforces the rules of Connectors and their classes. */
export class RuleEnforcer {
  readonly #observer: Pick<ServerObserver, 'ruled'>;
  readonly #threads: ThreadShares;

  constructor(observer: Pick<ServerObserver, 'ruled'>, threads: ThreadShares) {
    this.#observer = observer;
    this.#threads = threads;
  }

  /**
   * Enforces the rules of a Connector for a request of an authorized client, before a credential is read or a byte of the
   * body is sent.
   * @param entry records the decision.
   * @throws {ProxyError} 403 that names the Connector, the rule, and the annotation to change; 400 for a request that
   * tools could read in different ways; 429 if rules of the namespace change too often.
   */
  enforce({ connector, connectorClass }: ResolvedConnector, request: RequestForRules, entry: RouteRecord): void {
    const sets = this.#rulesOf(connector, connectorClass);
    if (sets.length === 0) {
      entry.decision = 'allowed';
      return;
    }
    const { outcome, rule, reason = '', isAmbiguous = false } = decide(sets, request, keepsSlash(connectorClass));
    entry.decision = outcome;
    entry.rule = rule;
    this.#observer.ruled(outcome);
    if (outcome !== 'denied') return;
    if (isAmbiguous) throw new ProxyError(400, 'malformed', reason);
    const { namespace, name } = connector.ref;
    const message = `${reason}; the owner of connector ${namespace}/${name} can ${isOfClass(rule ?? '') ? override : 'change it'}`;
    throw new ProxyError(403, 'denied_by_rule', message);
  }

  /** Reports whether the rules of a Connector permit a GET. */
  permitsRead({ connector, connectorClass }: ResolvedConnector, pathname: string): boolean {
    const parts = { method: 'GET', pathname, query: '', rawHeaders: [], hasBody: false, contentType: undefined };
    const request = { ...parts, isUpgrade: false, isRead: true };
    return decide(rulesOf(connector, connectorClass), request).outcome !== 'denied';
  }

  /** Owners can edit rules faster than they are parsed. Requests never see older rules, which could permit more. */
  #rulesOf(connector: Connector, connectorClass: ConnectorClass): ReturnType<typeof rulesOf> {
    if (isParsed(connector)) return rulesOf(connector, connectorClass);
    const { namespace } = connector.ref;
    this.#threads.ensureFree(
      namespace,
      `namespace ${namespace} has used up its share of CPU time, and rules of its connectors have changed`,
    );
    return this.#threads.measure(namespace, () => rulesOf(connector, connectorClass));
  }
}

/** A request to route. */
export interface IncomingRequest extends Pick<IncomingMessage, 'method' | 'rawHeaders'> {
  /** Absent for a request that is only checked. */
  readonly body?: RequestBody;
}

/**
 * Returns a request as rules see it. Reads the body of a batch request of Git LFS, and replaces it if it asks for
 * downloads.
 * @param path as sent to the tool, with the query.
 * @throws {ProxyError} 408 if that body does not arrive in time.
 */
export async function requestForRules(
  request: IncomingRequest,
  path: string,
  connectorClass: ConnectorClass | undefined,
  signal: AbortSignal,
): Promise<RequestForRules> {
  const pathname = pathnameOf(path);
  const { method = '', rawHeaders, body } = request;
  const types = valuesOf(rawHeaders, 'content-type');
  const forRules = {
    method,
    pathname,
    query: path.slice(pathname.length + 1),
    rawHeaders,
    hasBody: hasBody(rawHeaders),
    contentType: types.length === 1 ? types[0]?.trim().toLowerCase() : undefined,
    isUpgrade: isPassableUpgrade(request),
    isRead: false,
  };
  const isGit = isOfGit(connectorClass);
  const isReadable = body !== undefined && valuesOf(rawHeaders, 'content-encoding').length === 0;
  if (isGit && isReadable && isLfsBatch(forRules)) {
    const batch = downloadBatch(await wholeOf(body, signal));
    if (batch !== undefined) body.replace(batch);
    forRules.isRead = batch !== undefined;
  } else forRules.isRead = isRead(forRules, isGit);
  return forRules;
}

/** Returns a small body, and nothing for another one. */
async function wholeOf(body: RequestBody, signal: AbortSignal): Promise<Buffer> {
  const small = body.bufferSmall(proxyLimits.requestsInFlight.repeatableBytes, signal);
  const whole = small.then((content) => content ?? Buffer.alloc(0));
  const inTime = await withTimeout(whole, proxyLimits.rules.bodyMs, signal);
  if (inTime === undefined) throw new ProxyError(408, 'timeout', 'the body of the request did not arrive in time');
  return inTime;
}
