import { TokenBuckets } from '../../shared/limits/token-buckets.ts';
import { proxyLimits } from '../limits.ts';
import { ProxyError } from '../proxy-error.ts';
import type { RawHeaders } from './headers.ts';
import type { LookupOwner } from './resolver.ts';
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
 * milliseconds of the only thread. With hundreds of requests in flight all other clients wait. So the owner of such a
 * tool (the Connector, or the pod that chose the host) gets no further requests for a while.
 */
export class InformationalLimiter {
  /** Floods by owner. */
  readonly #floods: TokenBuckets;

  /** @param now a monotonic clock in milliseconds. */
  constructor(now: () => number) {
    this.#floods = new TokenBuckets(proxyLimits.informationalFloods, now);
  }

  /** @throws {ProxyError} 502 if tools of the owner have flooded too often. */
  ensureAllowed(origin: ToolOrigin, owner: LookupOwner): void {
    const delayMs = this.#floods.delayMs(keyOf(owner));
    if (delayMs === 0) return;
    const seconds = Math.ceil(delayMs / 1000);
    throw new ProxyError(
      502,
      'protocol',
      `${nameOf(origin)} sent informational responses (1xx) without end: fix the tool, then try again in ${seconds} s`,
      { headers: { 'Retry-After': String(seconds) } },
    );
  }

  /** Returns a counter for one request. */
  counter(origin: ToolOrigin, owner: LookupOwner): InformationalCounter {
    let bytes = 0;
    return (rawHeaders) => {
      if (bytes > maxBytes) return undefined;
      bytes += overheadBytes;
      for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
        bytes += overheadBytes + (rawHeaders[at]?.length ?? 0) + (rawHeaders[at + 1]?.length ?? 0);
      }
      if (bytes <= maxBytes) return undefined;
      this.#floods.of(keyOf(owner)).acquire();
      return new ProxyError(
        502,
        'protocol',
        `${nameOf(origin)} sent informational responses (1xx) without end: fix the tool`,
      );
    };
  }
}

function keyOf({ chosenBy, namespace, holder }: LookupOwner): string {
  return `${chosenBy} ${namespace} ${holder}`;
}
