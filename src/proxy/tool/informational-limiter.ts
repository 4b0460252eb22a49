import { BoundedMap } from '../../shared/limits/bounded-map.ts';
import { proxyLimits } from '../limits.ts';
import { ProxyError } from '../proxy-error.ts';
import type { RawHeaders } from './headers.ts';
import type { ThreadShares } from '../thread-shares.ts';
import type { ToolOwner } from './resolver.ts';
import { nameOf } from './tool-origin.ts';
import type { ToolOrigin } from './tool-origin.ts';

/** Counts an informational response. @returns the error with which to abort the request, once the limit is exceeded. */
export type InformationalCounter = (rawHeaders: RawHeaders) => ProxyError | undefined;

/** Cost of an informational response and of each header line in addition to its text: each takes some microseconds. */
const overheadBytes = 32;

/** Limit of all informational responses to one request together. */
const maxBytes = proxyLimits.headers.bytes;

/**
 * Limits informational responses (1xx). The attacker is a tool that sends them as fast as it can. Node's client, which
 * NodeCall uses, parses thousands of them from one read even if the connection is closed meanwhile. That takes
 * milliseconds of the only thread. With hundreds of requests in flight all other clients wait. So they are charged to the
 * namespace, and while its share is overdrawn, the owner of such a tool (the Connector, or the pod that chose the host)
 * gets no further requests.
 */
export class InformationalLimiter {
  /** Owners of tools that have exceeded the limit. */
  readonly #owners = new BoundedMap<true>(proxyLimits.headers.floodingOwners);
  readonly #threads: ThreadShares;

  constructor(threads: ThreadShares) {
    this.#threads = threads;
  }

  /** @throws {ProxyError} 502 if tools of the owner have flooded too often. */
  ensureAllowed(origin: ToolOrigin, owner: ToolOwner): void {
    if (!this.#owners.has(keyOf(owner))) return;
    const delayMs = this.#threads.of(owner.namespace).delayMs(0);
    if (delayMs === 0) return;
    const seconds = Math.ceil(delayMs / 1000);
    throw flooding(origin, `, then try again in ${seconds} s`, { 'Retry-After': String(seconds) });
  }

  /** Returns a counter for one request. */
  counter(origin: ToolOrigin, owner: ToolOwner): InformationalCounter {
    let bytes = 0;
    return (rawHeaders) => {
      if (bytes > maxBytes) return undefined;
      bytes += overheadBytes;
      for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
        bytes += overheadBytes + (rawHeaders[at]?.length ?? 0) + (rawHeaders[at + 1]?.length ?? 0);
      }
      if (bytes <= maxBytes) return undefined;
      this.#threads.of(owner.namespace).charge(proxyLimits.thread.floodMs);
      this.#owners.set(keyOf(owner), true, owner.namespace);
      return flooding(origin);
    };
  }
}

function keyOf({ chosenBy, namespace, holder }: ToolOwner): string {
  return `${chosenBy} ${namespace} ${holder}`;
}

function flooding(origin: ToolOrigin, next = '', headers: Readonly<Record<string, string>> = {}): ProxyError {
  const message = `${nameOf(origin)} sent informational responses (1xx) without end: fix the tool${next}`;
  return new ProxyError(502, 'protocol', message, { headers });
}
