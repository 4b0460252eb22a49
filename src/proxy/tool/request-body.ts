import type { ClientRequest, IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { unclearMessage } from '../proxy-error.ts';
import type { ProxyError } from '../proxy-error.ts';
import { isOverridingHeader } from '../rules/overrides.ts';
import { coalesce } from './coalesce.ts';
import { smallChunkBytes } from './coalescing-stream.ts';
import type { ChunkShare, CoalescingStream, Sink } from './coalescing-stream.ts';
import { canonicalHeaderName, hasBody, hasWord, valuesOf } from './headers.ts';
import { replacedHeaders } from './tool-credential.ts';

/** The framing of a request's body: no body, its length, or chunks. */
export type Framing =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly bytes: number }
  | { readonly kind: 'chunked' };

/**
 * Returns the framing of a request. The parser has already rejected ambiguous framing: both headers, two lengths, or a
 * coding other than chunked at the end. This function rejects the rest that servers could interpret differently.
 * @throws {ProxyError} 400, after which the connection must be closed; 501 for a coding other than chunked.
 */
export function framingOf(request: Pick<IncomingMessage, 'rawHeaders' | 'httpVersion'>): Framing {
  const codings = valuesOf(request.rawHeaders, 'transfer-encoding');
  const lengths = valuesOf(request.rawHeaders, 'content-length');
  if (codings.length > 0) {
    if (request.httpVersion !== '1.1' || lengths.length > 0 || codings.length > 1) {
      throw unclearMessage(400, 'the framing of the request is ambiguous');
    }
    if (codings[0]?.trim().toLowerCase() !== 'chunked') {
      throw unclearMessage(501, 'the only transfer coding that the proxy takes is chunked');
    }
    return { kind: 'chunked' };
  }
  const [length] = lengths;
  if (length === undefined) return { kind: 'none' };
  if (lengths.length > 1 || !/^\d{1,15}$/.test(length)) {
    throw unclearMessage(400, 'the framing of the request is ambiguous');
  }
  return { kind: 'length', bytes: Number(length) };
}

/**
 * Returns the framing headers for the next hop.
 * @param method a POST without a body needs a length of 0; a GET does not.
 */
export function framingHeaders(framing: Framing, method: string): readonly string[] {
  if (framing.kind === 'chunked') return ['Transfer-Encoding', 'chunked'];
  if (framing.kind === 'length') return ['Content-Length', String(framing.bytes)];
  return ['POST', 'PUT', 'PATCH'].includes(method) ? ['Content-Length', '0'] : [];
}

/** A body that a client of tools sends. See RequestBody. */
export type OutgoingBody = Pick<RequestBody, 'pull' | 'send'>;

/**
 * The body of a client's request, read from its arrival up to the limit of a CoalescingStream. Otherwise a body in small
 * chunks could exhaust the heap during authentication.
 */
export class RequestBody {
  readonly #incoming: IncomingMessage;
  /** The body as it arrives; undefined for a request without a body. */
  readonly #stream: CoalescingStream | undefined;
  /** Whether the client waits for `100 Continue` before it sends the body. */
  readonly expectsContinue: boolean;
  /** Names of trailers to drop in addition, in lower case with dashes. */
  withoutTrailers: ReadonlySet<string> = noNames;
  #content: Buffer | undefined;
  #hasStarted = false;

  /** @param incoming a request whose headers have just arrived. @param destroy closes the connection at once. */
  constructor(incoming: IncomingMessage, chunkShare: ChunkShare, destroy?: (error: ProxyError) => void) {
    this.#incoming = incoming;
    const { rawHeaders } = incoming;
    if (hasBody(rawHeaders)) this.#stream = coalesce(incoming, chunkShare, destroy);
    this.expectsContinue = this.#stream !== undefined && hasWord(rawHeaders, 'expect', '100-continue');
  }

  /** Whether `send` can be called: until the first byte of a streamed body, always for a buffered one. */
  get canBeSent(): boolean {
    return !this.#hasStarted;
  }

  /** Whether the client has not yet sent the whole body. */
  get isArriving(): boolean {
    return this.#stream !== undefined && !this.#stream.hasEnded;
  }

  /** Whether `send` can be called only once. */
  get isStreamed(): boolean {
    return this.#stream !== undefined && this.#content === undefined;
  }

  /**
   * Buffers a body of so many bytes, so that it can be sent again.
   * @throws the signal's reason; an error if the client leaves.
   */
  async buffer(bytes: number, signal: AbortSignal): Promise<void> {
    this.#content = await this.#stream?.whole(bytes, signal);
  }

  /**
   * Buffers a body with a declared length of at most `maxBytes`, unless the client waits for `100 Continue`.
   * @returns the body; undefined for another one.
   * @throws as `buffer`.
   */
  async bufferSmall(maxBytes: number, signal: AbortSignal): Promise<Buffer | undefined> {
    const framing = framingOf(this.#incoming);
    if (framing.kind !== 'length' || framing.bytes > maxBytes || this.expectsContinue) return undefined;
    await this.buffer(framing.bytes, signal);
    return this.#content;
  }

  /** Replaces a buffered body. */
  replace(content: Buffer): void {
    this.#content = content;
  }

  /** The framing of the body towards the tool. @throws {ProxyError} as `framingOf`. */
  get framing(): Framing {
    return this.#content === undefined ? framingOf(this.#incoming) : { kind: 'length', bytes: this.#content.length };
  }

  /** Returns the body for undici: nothing, all of it, or a stream. Backpressure reaches the client. */
  pull(): Buffer | Upload | undefined {
    const stream = this.#stream;
    if (stream === undefined || this.#content !== undefined) return this.#content;
    this.#hasStarted = true;
    const upload = new Upload();
    stream.pipeTo(upload, () => upload.finish());
    return upload;
  }

  /**
   * Sends the body with Node's client and ends the request. Backpressure reaches the client.
   * @param onContinue sends `100 Continue` to a client that expects it.
   */
  send(request: ClientRequest, onContinue: () => void): void {
    const stream = this.#stream;
    if (stream === undefined || this.#content !== undefined) {
      request.end(this.#content);
      return;
    }
    const start = (): void => {
      if (this.#hasStarted || request.destroyed) return;
      this.#hasStarted = true;
      stream.pipeTo(request, () => this.#finish(request));
    };
    if (!this.expectsContinue) {
      start();
      return;
    }
    request.flushHeaders();
    request.once('continue', () => {
      onContinue();
      start();
    });
    // A client need not wait without a limit (RFC 9110, 10.1.1). A body that it sends early is forwarded early.
    if (stream.receivedBytes > 0) start();
    else this.#incoming.once('data', start);
    request.once('response', () => this.#incoming.off('data', start));
  }

  /**
   * Reads and drops the rest.
   * @param onExceeded called when the rest exceeds `maxBytes`.
   */
  discard(maxBytes: number, onExceeded: () => void): void {
    if (this.#content === undefined) this.#stream?.discard(maxBytes, onExceeded);
  }

  #finish(request: ClientRequest): void {
    if (request.destroyed) return;
    const trailers = pairsOf(this.#incoming.rawTrailers, this.withoutTrailers);
    if (trailers.length > 0) request.addTrailers(trailers);
    request.end();
  }
}

/**
 * Trailers that change framing, routing or authentication are dropped (RFC 9110, 6.5.1), and those that override the
 * method or path: a client could smuggle headers, because tools can merge trailers into them.
 */
const forbiddenTrailers: ReadonlySet<string> = new Set([
  'transfer-encoding',
  'content-length',
  'host',
  'connection',
  'trailer',
  'te',
  'upgrade',
  'cookie',
  'set-cookie',
  'set-cookie2',
  'www-authenticate',
  'location',
  ...replacedHeaders,
]);

const noNames: ReadonlySet<string> = new Set();

/** Returns permitted trailers as pairs of name and value. @param without further names to drop. */
export function pairsOf(rawTrailers: readonly string[], without: ReadonlySet<string> = noNames): [string, string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < rawTrailers.length; at += 2) {
    const name = rawTrailers[at] ?? '';
    const canonical = canonicalHeaderName(name);
    const isForbidden = forbiddenTrailers.has(canonical) || canonical.startsWith('proxy-') || isOverridingHeader(name);
    if (isForbidden || without.has(canonical)) continue;
    pairs.push([name, rawTrailers[at + 1] ?? '']);
  }
  return pairs;
}

/** The body of a request as undici reads it: each write waits until the connection takes the next one. */
export class Upload extends Readable implements Sink {
  #onWritten: ((error?: Error | null) => void) | undefined;
  #isSmall = false;

  constructor() {
    super({ highWaterMark: 0 });
    // The call reports errors.
    this.on('error', () => undefined);
  }

  write(chunk: Buffer, onWritten: (error?: Error | null) => void): void {
    this.#onWritten = onWritten;
    this.#isSmall = chunk.length < smallChunkBytes;
    this.push(chunk);
  }

  /** Ends the body. */
  finish(): void {
    this.push(null);
  }

  override _read(): void {
    const onWritten = this.#onWritten;
    this.#onWritten = undefined;
    if (onWritten === undefined) return;
    // After all chunks of a read, so that small ones are gathered: undici takes each at once, and keeps it until its socket
    // is writable.
    if (this.#isSmall) setImmediate(onWritten);
    else onWritten();
  }
}
