import { parseAuthority } from '../connectors/tool-address.ts';
import { proxyLimits } from '../limits.ts';
import { ProxyError } from '../proxy-error.ts';
import { endToEnd, valuesOf } from '../tool/headers.ts';
import type { RawHeaders } from '../tool/headers.ts';
import { sendInBackChannel } from '../tool/back-channel.ts';
import type { ToolOwner } from '../tool/resolver.ts';
import type { ToolClient } from '../tool/tool-client.ts';
import type { CredentialUse, ToolCredential } from '../tool/tool-credential.ts';
import { toolFailure } from '../tool/tool-failure.ts';
import { nameOf } from '../tool/tool-origin.ts';
import type { ToolOrigin } from '../tool/tool-origin.ts';
import type { Trust } from '../tool/trust.ts';
import { commonHeaders } from './probe-request.ts';
import type { ProbeRequest } from './probe-request.ts';

export interface ProbeResponse {
  readonly status: number;
  readonly headers: ResponseHeaders;
  readonly challenges: readonly string[];
  /** Empty if it was not requested; undefined if it is too long. */
  readonly body: string | undefined;
}

export interface ProbeExchangeOptions {
  readonly owner: ToolOwner;
  readonly wantsBody: boolean;
  /** The credential to add as to requests, if the probe gets it so. It is for the first origin only. */
  readonly credential: ToolCredential | undefined;
  /** Addresses to which a redirect is followed; undefined: none is followed. */
  readonly redirectTo: readonly ToolOrigin[] | undefined;
  /** Limit of all requests together. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * Sends a probe, and follows its redirects, through the code path of a client's request: checked addresses, verified TLS.
 * @throws {ProxyError} the failure, in terms that the owner of the Connector understands.
 */
export async function sendProbe(
  client: ToolClient,
  request: ProbeRequest,
  trust: Trust,
  { owner, wantsBody, redirectTo, timeoutMs, signal, ...options }: ProbeExchangeOptions,
): Promise<ProbeResponse> {
  const bodyBytes = wantsBody ? proxyLimits.probes.bodyBytes : 0;
  const endsMs = performance.now() + timeoutMs;
  const first = nameOf(request.origin);
  let { credential } = options;
  let current = request;
  for (let count = 0; ; count += 1) {
    const sent = credential === undefined ? current : await authenticated(current, credential, signal);
    const { origin, method, path, headers: own } = sent;
    const headers = [...commonHeaders(origin), ...own];
    const toolRequest = { origin, method, path, headers, trust, owner };
    const limits = { bodyBytes, timeoutMs: Math.max(0, endsMs - performance.now()) };
    const { status, rawHeaders, body } = await sendInBackChannel(client, toolRequest, nameOf(origin), limits, signal);
    // A tool can repeat its query in the destination, which can be another origin.
    const shown = credential?.withoutOwnParameters?.(rawHeaders) ?? rawHeaders;
    const isLast = redirectTo === undefined || count >= proxyLimits.probes.redirects;
    const next = isLast ? undefined : redirected(current, { status, rawHeaders: shown }, redirectTo);
    if (next === undefined) {
      return {
        status,
        headers: probedHeaders(rawHeaders),
        challenges: valuesOf(rawHeaders, 'www-authenticate'),
        body: wantsBody ? body : '',
      };
    }
    current = next;
    if (nameOf(current.origin) !== first) credential = undefined;
  }
}

/** A credential that cannot be made for the probe, so the tool was not asked. */
export class UnusableCredential extends ProxyError {}

/**
 * Returns the request with the credential for it.
 * @throws {UnusableCredential} if a generator makes none.
 * @throws {ProxyError} if a token is not issued.
 */
async function authenticated(
  request: ProbeRequest,
  credential: ToolCredential,
  signal: AbortSignal,
): Promise<ProbeRequest> {
  const { path, headers } = request;
  try {
    const added = await credential.headersFor(useOf(request), signal);
    return {
      ...request,
      path: credential.pathWithParameters?.(path) ?? path,
      headers: [...endToEnd(headers, credential.replaces), ...added],
    };
  } catch (error) {
    const server = nameOf(request.origin);
    const failure = toolFailure(error, server);
    throw credential.isGenerated === true
      ? new UnusableCredential(failure.status, failure.kind, failure.message)
      : failure;
  }
}

export function useOf({ method, path }: ProbeRequest): CredentialUse {
  return { method, path, isUnrepeatable: false };
}

const statuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/**
 * Returns the request that follows a redirect. The tool chooses its destination, so only addresses of the Connector
 * count, and never plain HTTP after TLS. The headers of the probe stay at the first origin.
 * @param addresses of the Connector.
 * @returns undefined if the response is no redirect, or it is not followed.
 */
function redirected(
  request: ProbeRequest,
  { status, rawHeaders }: { readonly status: number; readonly rawHeaders: RawHeaders },
  addresses: readonly ToolOrigin[],
): ProbeRequest | undefined {
  const [location, ...others] = valuesOf(rawHeaders, 'location');
  if (!statuses.has(status) || location === undefined || others.length > 0) return undefined;
  const base = `${nameOf(request.origin)}${request.path}`;
  const url = URL.canParse(location, base) ? new URL(location, base) : undefined;
  if (url === undefined || (url.protocol === 'http:' && request.origin.scheme === 'https')) return undefined;
  const origin = addresses.find((address) => isAt(address, url));
  if (origin === undefined) return undefined;
  return {
    origin,
    method: methodAfter(status, request.method),
    path: `${url.pathname}${url.search}`,
    headers: nameOf(origin) === nameOf(request.origin) ? request.headers : [],
  };
}

function isAt({ scheme, host, port }: ToolOrigin, url: URL): boolean {
  const at = parseAuthority(url.host, scheme === 'https' ? 443 : 80);
  return url.protocol === `${scheme}:` && at?.host === host && at.port === port;
}

/** As browsers and Go do: a POST becomes a GET unless the status forbids it. */
function methodAfter(status: number, method: string): string {
  if (status === 307 || status === 308 || method === 'HEAD') return method;
  return status === 303 || method === 'POST' ? 'GET' : method;
}

/**
 * Headers of a response for an expression, under two names each: the canonical one of Go (`Content-Type`) with the list
 * of values, and the lower-case one with the joined values.
 */
type ResponseHeaders = Readonly<Record<string, string | readonly string[]>>;

function probedHeaders(rawHeaders: RawHeaders): ResponseHeaders {
  const values = new Map<string, string[]>();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]?.toLowerCase() ?? '';
    const value = rawHeaders[at + 1] ?? '';
    const others = values.get(name);
    if (others === undefined) values.set(name, [value]);
    else others.push(value);
  }
  const headers = new Map<string, string | readonly string[]>();
  for (const [name, list] of values) headers.set(canonicalName(name), list);
  // Last: a name without letters has one form.
  for (const [name, list] of values) headers.set(name, list.join(', '));
  return Object.fromEntries(headers);
}

/** Returns the name with a capital at the beginning and after each hyphen. */
function canonicalName(name: string): string {
  return name.replace(/(?:^|-)[a-z]/g, (part) => part.toUpperCase());
}
