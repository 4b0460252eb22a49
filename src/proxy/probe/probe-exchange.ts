import { valuesOf } from '../upstream/headers.js';
import type { RawHeaders } from '../upstream/headers.js';
import type { LookupOwner } from '../upstream/resolver.js';
import type { ToolClient } from '../upstream/tool-client.js';
import { toolFailure } from '../upstream/tool-failure.js';
import { nameOf } from '../upstream/tool-origin.js';
import type { Trust } from '../upstream/trust.js';
import type { ProbeRequest } from './probe-request.js';
import { limits } from '../../limits/defaults.js';

const maxBodyBytes = limits.probes.bodyBytes;

export interface ProbeResponse {
  readonly status: number;
  /** Headers by lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly challenges: readonly string[];
  /** Empty if it was not requested; undefined if it is too long. */
  readonly body: string | undefined;
}

/**
 * Sends a probe through the code path of a client's request: checked addresses, verified TLS. Redirects are not
 * followed.
 * @param timeoutMs limit of the whole exchange.
 * @throws {ProxyError} the failure, in terms that the owner of the Connector understands.
 */
export async function sendProbe(
  client: ToolClient,
  { origin, method, path, headers }: ProbeRequest,
  trust: Trust,
  {
    owner,
    wantsBody,
    timeoutMs,
    signal,
  }: {
    readonly owner: LookupOwner;
    readonly wantsBody: boolean;
    readonly timeoutMs: number;
    readonly signal: AbortSignal;
  },
): Promise<ProbeResponse> {
  const tool = nameOf(origin);
  const ending = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  try {
    const call = client.send({ origin, method, path, headers, trust, lookedUpFor: owner });
    const stop = (): void => call.destroy(new TooSlow());
    ending.addEventListener('abort', stop, { once: true });
    try {
      const { status, rawHeaders, body } = await call.response;
      return {
        status,
        headers: joined(rawHeaders),
        challenges: valuesOf(rawHeaders, 'www-authenticate'),
        body: wantsBody ? (await body.whole(maxBodyBytes, ending))?.toString() : '',
      };
    } finally {
      ending.removeEventListener('abort', stop);
      // Closes the connection instead of waiting for the rest of the body.
      call.end();
    }
  } catch (error) {
    throw toolFailure(ending.aborted && !signal.aborted ? new TooSlow() : error, tool);
  }
}

/** Returns headers by lower-case name. Values of equal names are joined. */
function joined(rawHeaders: RawHeaders): Readonly<Record<string, string>> {
  const values = new Map<string, string>();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]?.toLowerCase() ?? '';
    const value = rawHeaders[at + 1] ?? '';
    const others = values.get(name);
    values.set(name, others === undefined ? value : `${others}, ${value}`);
  }
  return Object.fromEntries(values);
}

class TooSlow extends Error {
  override readonly name = 'TooSlow';
  readonly code = 'ETIMEDOUT';
}
