import { proxyLimits } from '../limits.ts';
import { ProxyError } from '../proxy-error.ts';
import type { ThreadShares } from '../thread-shares.ts';
import type { RawHeaders } from './headers.ts';
import { nameOf } from './tool-origin.ts';
import type { ToolRequest } from './tool-exchange.ts';

/** Counts an informational response. @returns the error with which to abort the request, once the limit is exceeded. */
export type InformationalCounter = (rawHeaders: RawHeaders) => ProxyError | undefined;

/** Cost of an informational response and of each header line in addition to its text: each takes some microseconds. */
const overheadBytes = 32;

/** Limit of all informational responses to one request together. */
const maxBytes = proxyLimits.headers.bytes;

/**
 * Returns a counter of informational responses (1xx) to one request. The attacker is a tool that sends them as fast as it can.
 * Node's client, which NodeCall uses, parses thousands of them from one read even if the connection is closed meanwhile.
 * That takes milliseconds of the only thread, so it is charged to the namespace.
 */
export function informationalCounter(
  { origin, owner }: Pick<ToolRequest, 'origin' | 'owner'>,
  threads: ThreadShares,
): InformationalCounter {
  let bytes = 0;
  return (rawHeaders) => {
    if (bytes > maxBytes) return undefined;
    bytes += overheadBytes;
    for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
      bytes += overheadBytes + (rawHeaders[at]?.length ?? 0) + (rawHeaders[at + 1]?.length ?? 0);
    }
    if (bytes <= maxBytes) return undefined;
    threads.of(owner.namespace).charge(proxyLimits.thread.floodMs);
    const message = `${nameOf(origin)} sent informational responses (1xx) without end: fix the tool`;
    return new ProxyError(502, 'protocol', message);
  };
}
