import { valuesOf } from '../tool/headers.js';
import type { RawHeaders } from '../tool/headers.js';
import { isIdempotent, responseOf } from '../tool/kept-connection.js';
import type { LookupOwner } from '../tool/resolver.js';
import type { ToolCall } from '../tool/tool-call.js';
import type { ToolClient } from '../tool/tool-client.js';
import { toolFailure } from '../tool/tool-failure.js';
import { nameOf } from '../tool/tool-origin.js';
import type { ToolOrigin } from '../tool/tool-origin.js';
import type { ToolCredential } from '../tool/tool-credential.js';
import type { Trust } from '../tool/trust.js';
import { authenticated } from './probe-credential.js';
import { commonHeaders } from './probe-request.js';
import type { ProbeRequest } from './probe-request.js';
import { redirected } from './redirect.js';
import type { RedirectEnd } from './redirect.js';
import { probedHeaders } from './response-headers.js';
import type { ResponseHeaders } from './response-headers.js';
import { proxyLimits } from '../limits.js';

const maxBodyBytes = proxyLimits.probes.bodyBytes;

export interface ProbeResponse {
  readonly status: number;
  readonly headers: ResponseHeaders;
  readonly challenges: readonly string[];
  /** Empty if it was not requested; undefined if it is too long. */
  readonly body: string | undefined;
  /** Why this redirect was not followed; undefined for other responses. */
  readonly redirectEnd: RedirectEnd | undefined;
}

export interface ProbeExchangeOptions {
  readonly owner: LookupOwner;
  readonly wantsBody: boolean;
  /** The credential to add as to requests, if the probe gets it so. It is for the first origin only. */
  readonly credential: ToolCredential | undefined;
  /** Addresses to which a redirect is followed; undefined: none is followed. */
  readonly redirectTo: readonly ToolOrigin[] | undefined;
  /** Limit of the whole exchange. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * Sends a probe through the code path of a client's request: checked addresses, verified TLS.
 * @throws {ProxyError} the failure, in terms that the owner of the Connector understands.
 */
export async function sendProbe(
  client: ToolClient,
  request: ProbeRequest,
  trust: Trust,
  options: ProbeExchangeOptions,
): Promise<ProbeResponse> {
  const { signal, redirectTo } = options;
  const ending = AbortSignal.any([signal, AbortSignal.timeout(options.timeoutMs)]);
  const first = nameOf(request.origin);
  let { credential } = options;
  let hop = request;
  for (let followed = 0; ; followed += 1) {
    const current = hop;
    const added = credential;
    const next: Follow = ({ status, rawHeaders }) => {
      // A tool can repeat its query in the destination, which can be another origin.
      const own = added?.withoutOwnParameters?.(rawHeaders) ?? rawHeaders;
      return redirectTo && redirected(current, { status, rawHeaders: own }, redirectTo, followed);
    };
    try {
      const sent = added === undefined ? current : await authenticated(current, added, ending);
      const answer = await exchange(client, sent, trust, next, { ...options, ending });
      if (!('origin' in answer)) return answer;
      hop = answer;
    } catch (error) {
      throw toolFailure(ending.aborted && !signal.aborted ? new TooSlow() : error, nameOf(current.origin));
    }
    if (nameOf(hop.origin) !== first) credential = undefined;
  }
}

type Follow = (head: {
  readonly status: number;
  readonly rawHeaders: RawHeaders;
}) => ProbeRequest | RedirectEnd | undefined;

/** @returns the response, or the request that follows its redirect. */
async function exchange(
  client: ToolClient,
  { origin, method, path, headers: own }: ProbeRequest,
  trust: Trust,
  follow: Follow,
  { owner, wantsBody, ending }: ProbeExchangeOptions & { readonly ending: AbortSignal },
): Promise<ProbeResponse | ProbeRequest> {
  ending.throwIfAborted();
  const headers = [...commonHeaders(origin), ...own];
  let call: ToolCall | undefined;
  const send = (): ToolCall => (call = client.send({ origin, method, path, headers, trust, lookedUpFor: owner }));
  const stop = (): void => call?.destroy(new TooSlow());
  ending.addEventListener('abort', stop, { once: true });
  try {
    const { status, rawHeaders, body } = await responseOf(send, () => isIdempotent(method) && !ending.aborted);
    const next = follow({ status, rawHeaders });
    if (typeof next === 'object') return next;
    return {
      status,
      headers: probedHeaders(rawHeaders),
      challenges: valuesOf(rawHeaders, 'www-authenticate'),
      body: wantsBody ? (await body.whole(maxBodyBytes, ending))?.toString() : '',
      redirectEnd: next,
    };
  } finally {
    ending.removeEventListener('abort', stop);
    // Closes the connection instead of waiting for the rest of the body.
    call?.end();
  }
}

class TooSlow extends Error {
  override readonly name = 'TooSlow';
  readonly code = 'ETIMEDOUT';
}
