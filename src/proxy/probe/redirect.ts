import { parseAuthority } from '../connectors/tool-address.js';
import type { RawHeaders } from '../tool/headers.js';
import { valuesOf } from '../tool/headers.js';
import { nameOf } from '../tool/tool-origin.js';
import type { ToolOrigin } from '../tool/tool-origin.js';
import { proxyLimits } from '../limits.js';
import type { ProbeRequest } from './probe-request.js';

/** Why a redirect is not followed. */
export type RedirectEnd = 'elsewhere' | 'downgrade' | 'endless';

const statuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const maxFollowed = proxyLimits.probes.redirects;

/**
 * Returns the request that follows a redirect. The tool chooses its destination, so only addresses of the Connector
 * count, and never plain HTTP after TLS. The headers of the probe stay at the first origin.
 * @param addresses of the Connector.
 * @param followed redirects so far.
 * @returns why it is not followed; undefined if the response is no redirect.
 */
export function redirected(
  request: ProbeRequest,
  { status, rawHeaders }: { readonly status: number; readonly rawHeaders: RawHeaders },
  addresses: readonly ToolOrigin[],
  followed: number,
): ProbeRequest | RedirectEnd | undefined {
  const [location, ...others] = valuesOf(rawHeaders, 'location');
  if (!statuses.has(status) || location === undefined || others.length > 0) return undefined;
  const base = `${nameOf(request.origin)}${request.path}`;
  const url = URL.canParse(location, base) ? new URL(location, base) : undefined;
  if (url?.protocol === 'http:' && request.origin.scheme === 'https') return 'downgrade';
  const origin = url && addresses.find((address) => isAt(address, url));
  if (url === undefined || origin === undefined) return 'elsewhere';
  if (followed >= maxFollowed) return 'endless';
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
