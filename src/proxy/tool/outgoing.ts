import type { RawHeaders } from './headers.js';
import type { LookupOwner } from './resolver.js';
import type { ToolCredential } from './tool-credential.js';
import type { ToolOrigin } from './tool-origin.js';
import type { Trust } from './trust.js';

/** The destination of a client's request and the changes to its messages. */
export interface Outgoing {
  readonly origin: ToolOrigin;
  /** The path with the query. */
  readonly path: string;
  readonly trust: Trust | undefined;
  readonly credential: ToolCredential;
  /** See ToolRequest. */
  readonly lookedUpFor: LookupOwner;
  /** Headers to remove in reverse mode, where `Authorization` holds the credentials for the proxy. */
  readonly withoutHeaders?: ReadonlySet<string>;
  /** The header that names this proxy in request and response. */
  readonly via: RawHeaders;
  /** Rewrites the response headers, such as `Location`. */
  readonly rewriteResponseHeaders?: (headers: readonly string[]) => string[];
}
