import type { IncomingMessage } from 'node:http';
import type { Outgoing } from './outgoing.js';
import { endToEnd, hasWord, valuesOf } from './headers.js';
import type { RawHeaders } from './headers.js';
import { withheldFromAnswer } from './tool-credential.js';
import { authorityOf } from './tool-origin.js';

const madeAnew: ReadonlySet<string> = new Set(['host']);
const noHeaders: ReadonlySet<string> = new Set();
const trailerHeader: ReadonlySet<string> = new Set(['trailer']);

/** The headers of a client's request as a tool gets them, without framing and credential. */
export function requestHeaders(rawHeaders: RawHeaders, outgoing: Outgoing, isChunked: boolean): readonly string[] {
  const { origin, credential, withoutHeaders = noHeaders, via } = outgoing;
  const kept = endToEnd(rawHeaders, madeAnew, credential.replaces, withoutHeaders, trailersOf(isChunked));
  return ['Host', authorityOf(origin), ...kept, ...via];
}

/** The headers by which a client takes trailers, for the next hop. */
export function trailerHeaders(rawHeaders: RawHeaders): readonly string[] {
  return hasWord(rawHeaders, 'te', 'trailers') ? ['TE', 'trailers', 'Connection', 'keep-alive, TE'] : [];
}

/** All headers of a tool's response as a client gets them. @param httpVersion of the client. */
export function answerHeaders(
  { rawHeaders }: IncomingMessage,
  status: number,
  httpVersion: string,
  { credential, rewriteResponseHeaders, via }: Outgoing,
): { readonly headers: string[]; readonly isChunked: boolean } {
  const framing = answerFraming(rawHeaders, status, httpVersion);
  const isChunked = framing[0] === 'Transfer-Encoding';
  const kept = endToEnd(rawHeaders, withheldFromAnswer(credential), trailersOf(isChunked));
  return { headers: [...(rewriteResponseHeaders?.(kept) ?? kept), ...framing, ...via], isChunked };
}

/** The framing headers of a response: its length, or chunks for clients that know them. A `204` has none (RFC 9112, 6). */
function answerFraming(rawHeaders: RawHeaders, status: number, httpVersion: string): readonly string[] {
  if (status === 204) return [];
  const [length] = valuesOf(rawHeaders, 'content-length');
  if (length !== undefined) return ['Content-Length', length];
  const isChunked = status !== 304 && httpVersion === '1.1' && hasWord(rawHeaders, 'transfer-encoding', 'chunked');
  return isChunked ? ['Transfer-Encoding', 'chunked'] : [];
}

/** Headers to leave out: `Trailer` announces what only a message in chunks can have. */
function trailersOf(isChunked: boolean): ReadonlySet<string> {
  return isChunked ? noHeaders : trailerHeader;
}
