import type { Socket } from 'node:net';
import type { CoalescingStream } from './coalescing-stream.ts';
import type { RawHeaders } from './headers.ts';
import { valuesOf } from './headers.ts';
import type { ToolOwner } from './resolver.ts';
import type { ToolOrigin } from './tool-origin.ts';
import type { ThreadShares } from '../thread-shares.ts';
import type { Trust } from './trust.ts';
import type { ToolCredential } from './tool-credential.ts';

export interface ToolRequest {
  readonly origin: ToolOrigin;
  readonly method: string;
  /** The path with the query. */
  readonly path: string;
  /** All headers: the client adds only `Connection`. */
  readonly headers: RawHeaders;
  /** Required for an https tool. */
  readonly trust: Trust | undefined;
  /** Of the DNS lookup and of the socket. */
  readonly owner: ToolOwner;
}

/** The parts that all requests of a client share. */
export interface CallParts {
  readonly threads: ThreadShares;
}

/** A tool's response as it arrives. */
export interface ToolResponse {
  readonly status: number;
  readonly rawHeaders: RawHeaders;
  readonly body: CoalescingStream;
  /** Returns the trailers, which are complete once the body has ended. */
  readonly rawTrailers: () => RawHeaders;
}

/** One request to a tool with its response. Its owner must call `end` in every case. */
export interface ToolExchange {
  /** The connection, which can have served other requests before; undefined until the request has one. */
  readonly socket: Socket | undefined;
  /** Whether it has. The tool can have closed it meanwhile. */
  readonly isReused: boolean;
  /**
   * The response, once its headers have arrived.
   * @throws {ProxyError} 502 for an invalid response; the error of the connection.
   */
  readonly response: Promise<ToolResponse>;
  /** Aborts request and response, and closes the connection. */
  destroy(error?: Error): void;
  /** Keeps the connection for later requests if request and response are complete, and closes it otherwise. */
  end(): void;
}

/** Schemes that authenticate the connection, not the request: the next request on it would have the same user. */
const connectionSchemes = /(?:^|,)\s*(?:ntlm|negotiate|kerberos|nego2)\b/i;

/**
 * Reports whether a header has a scheme that authenticates the connection.
 * @param name in lower case.
 */
export function hasConnectionScheme(rawHeaders: RawHeaders, name: string): boolean {
  return valuesOf(rawHeaders, name).some((value) => connectionSchemes.test(value));
}

/** Methods whose request can be repeated even if the first one can have arrived (RFC 9110, 9.2.2, and RFC 4918, 9.1). */
const idempotent: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PROPFIND']);

export function isIdempotent(method: string): boolean {
  return idempotent.has(method);
}

/**
 * Sends a request, once more if it gets no valid response on a kept connection: the tool can have closed it meanwhile.
 * @param send sends the request as a new call, which the caller ends.
 * @param isRepeatable whether the request can be sent again, after the failure.
 */
export async function sendWithRetry(send: () => ToolExchange, isRepeatable: () => boolean): Promise<ToolResponse> {
  const call = send();
  try {
    return await call.response;
  } catch (error) {
    if (!call.isReused || !isRepeatable()) throw error;
    call.end();
    return send().response;
  }
}

/** The destination of a client's request and the changes to its messages. */
export interface Outgoing extends Omit<ToolRequest, 'method' | 'headers'> {
  readonly credential: ToolCredential;
  /** Headers to remove in reverse mode, where `Authorization` holds the credentials for the proxy. */
  readonly withoutHeaders?: ReadonlySet<string>;
  /** The header that names this proxy in request and response. */
  readonly via: RawHeaders;
  /** Rewrites the response headers, such as `Location`. */
  readonly rewriteResponseHeaders?: (headers: readonly string[]) => string[];
}
