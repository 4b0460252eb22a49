import type { RawHeaders } from './headers.js';
import type { LookupOwner } from './resolver.js';
import type { ToolCredential } from './tool-credential.js';
import type { ToolOrigin } from './tool-origin.js';
import type { Trust } from './trust.js';

/** Where a client's request goes and what is changed on its way. */
export interface Outgoing {
  readonly origin: ToolOrigin;
  /** With the query. */
  readonly path: string;
  readonly trust: Trust | undefined;
  readonly credential: ToolCredential;
  /** See ToolRequest. */
  readonly lookedUpFor: LookupOwner;
  /** For requests whose `Authorization` was the proxy's. */
  readonly withoutHeaders?: ReadonlySet<string>;
  /** Names this proxy in both messages. */
  readonly via: RawHeaders;
  /** Changes the headers of the response, such as `Location`. */
  readonly rewriteResponseHeaders?: (headers: string[]) => string[];
}
