import { proxyLimits } from '../../limits.js';
import { sendOwnRequest } from '../../tool/own-request.js';
import type { LookupOwner } from '../../tool/resolver.js';
import type { ToolClient } from '../../tool/tool-client.js';
import { authorityOf, nameOf } from '../../tool/tool-origin.js';
import type { Trust } from '../../tool/trust.js';
import type { CachedToken } from '../token-cache.js';
import { isSendable, renewed } from '../token-cache.js';
import type { Issue, IssueFailure, IssueStep } from './issuer.js';
import { failureOfStatus, unusableAnswer } from './token-response.js';

export interface TokenRequestOptions {
  readonly client: ToolClient;
  readonly owner: LookupOwner;
  readonly trust: Trust | undefined;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Limit of the time for one request with its response. */
  readonly timeoutMs: number;
}

/**
 * Requests a token at its endpoint. Redirects are not followed.
 * @throws {ProxyError} if no response arrives in time.
 */
export async function requestToken(issue: Issue, options: TokenRequestOptions): Promise<CachedToken | IssueFailure> {
  let step: IssueStep = issue;
  for (let count = 0; count < proxyLimits.issuedTokens.requests; count += 1) {
    const nowMs = options.now();
    const { status, body } = await send(issue, step, nowMs, options);
    if (body === undefined) return unusableAnswer('response too long');
    if (status >= 300 && status < 400) return failureOfStatus(status);
    const outcome = step.parse({ status, body }, nowMs);
    if (outcome.kind === 'failure') return outcome;
    if (outcome.kind === 'next') {
      step = outcome.step;
      continue;
    }
    const { value, expiresAtMs } = outcome;
    if (!isSendable(value.expose())) return unusableAnswer('token not sendable in a header');
    if (!(expiresAtMs > nowMs)) return unusableAnswer('token expired');
    return renewed(value, nowMs, Math.min(expiresAtMs, nowMs + proxyLimits.issuedTokens.longestLifeMs));
  }
  return unusableAnswer('no token');
}

async function send(
  { endpoint }: Issue,
  step: IssueStep,
  nowMs: number,
  { client, owner, trust, timeoutMs }: TokenRequestOptions,
): ReturnType<typeof sendOwnRequest> {
  const { method, path, headers, body } = await step.request(nowMs);
  const { signal } = new AbortController();
  return sendOwnRequest(
    client,
    {
      origin: endpoint,
      method,
      path,
      headers: ['Host', authorityOf(endpoint), 'User-Agent', 'connectors-proxy', ...headers],
      trust,
      lookedUpFor: owner,
    },
    `the token endpoint ${nameOf(endpoint)}`,
    { ...proxyLimits.ownRequests, timeoutMs },
    signal,
    body,
  );
}
