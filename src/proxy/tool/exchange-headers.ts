import type { Outgoing } from './tool-exchange.ts';
import { endToEnd, hasWord, valuesOf } from './headers.ts';
import type { RawHeaders } from './headers.ts';
import type { ToolCredential } from './tool-credential.ts';
import { withheldFromResponse } from './tool-credential.ts';
import { authorityOf } from './tool-origin.ts';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

const replaced: ReadonlySet<string> = new Set(['host']);
const noHeaders: ReadonlySet<string> = new Set();
const trailerHeader: ReadonlySet<string> = new Set(['trailer']);

/** Returns the headers of a client's request for the tool, without framing and credential. */
export function requestHeaders(rawHeaders: RawHeaders, outgoing: Outgoing, isChunked: boolean): readonly string[] {
  const { origin, credential, withoutHeaders = noHeaders, via } = outgoing;
  const kept = endToEnd(rawHeaders, replaced, credential.replaces, withoutHeaders, trailersOf(isChunked));
  return ['Host', authorityOf(origin), ...kept, ...via];
}

/** Returns the headers that announce a client's support of trailers to the next hop. */
export function trailerHeaders(rawHeaders: RawHeaders): readonly string[] {
  return hasWord(rawHeaders, 'te', 'trailers') ? ['TE', 'trailers', 'Connection', 'close, TE'] : [];
}

/**
 * Returns all headers of a tool's response for the client.
 * @param httpVersion of the client.
 */
export function responseHeaders(
  rawHeaders: RawHeaders,
  status: number,
  httpVersion: string,
  { credential, rewriteResponseHeaders, via }: Outgoing,
): { readonly headers: string[]; readonly isChunked: boolean } {
  const framing = responseFraming(rawHeaders, status, httpVersion);
  const isChunked = framing[0] === 'Transfer-Encoding';
  const kept = clientHeaders(endToEnd(rawHeaders, withheldFromResponse(credential), trailersOf(isChunked)), credential);
  return { headers: [...(rewriteResponseHeaders?.(kept) ?? kept), ...framing, ...via], isChunked };
}

/** Returns headers or trailers of a response without what the credential added to the request's query. */
export function clientHeaders(headers: readonly string[], credential: ToolCredential): readonly string[] {
  return credential.withoutOwnParameters?.(headers) ?? headers;
}

/**
 * Returns the framing headers of a response: its length, or chunks if the client supports them. A `204` has none (RFC
 * 9112, 6).
 */
function responseFraming(rawHeaders: RawHeaders, status: number, httpVersion: string): readonly string[] {
  if (status === 204) return [];
  const [length] = valuesOf(rawHeaders, 'content-length');
  if (length !== undefined) return ['Content-Length', length];
  const isChunked = status !== 304 && httpVersion === '1.1' && hasWord(rawHeaders, 'transfer-encoding', 'chunked');
  return isChunked ? ['Transfer-Encoding', 'chunked'] : [];
}

/** Returns the headers to remove: `Trailer` announces fields that only a chunked message can have. */
function trailersOf(isChunked: boolean): ReadonlySet<string> {
  return isChunked ? noHeaders : trailerHeader;
}

/** A tool that has switched protocols. */
export interface Switched {
  /** The headers of its `101`. */
  readonly message: IncomingMessage;
  readonly socket: Socket;
  /** Bytes that the tool sent after them. */
  readonly first: Buffer;
}

/**
 * Reports whether the request asks for a permitted protocol. In HTTP/2 the client could send requests that the proxy
 * does not check.
 */
export function isPassableUpgrade({ rawHeaders }: Pick<IncomingMessage, 'rawHeaders'>): boolean {
  const values = valuesOf(rawHeaders, 'upgrade');
  if (values.length === 0 || !hasWord(rawHeaders, 'connection', 'upgrade')) return false;
  const protocols = values.flatMap((value) => value.split(','));
  return protocols.every((protocol) => !/^(h2c?|tls|http)\b/i.test(protocol.trim()));
}

/** Returns the headers that ask the next hop for another protocol. */
export function upgradeHeaders(rawHeaders: RawHeaders): readonly string[] {
  return ['Connection', 'Upgrade', ...valuesOf(rawHeaders, 'upgrade').flatMap((value) => ['Upgrade', value])];
}

/** Returns the `101` for the client, without what the credential must not show. */
export function switchedHead({ rawHeaders }: IncomingMessage, credential: ToolCredential): Buffer {
  const kept = clientHeaders(endToEnd(rawHeaders, withheldFromResponse(credential)), credential);
  const headers = [...upgradeHeaders(rawHeaders), ...kept];
  const lines = headers.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${headers[at + 1] ?? ''}`] : []));
  // Latin-1, as Node has decoded the headers.
  return Buffer.from(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}
