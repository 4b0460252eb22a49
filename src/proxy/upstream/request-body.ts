import type { ClientRequest, IncomingMessage } from 'node:http';
import { Refusal } from '../refusal.js';
import { valuesOf } from './headers.js';

/** How the end of a request's body is told: not at all (there is none), by its length, or in chunks. */
export type Framing =
  { readonly kind: 'none' } | { readonly kind: 'length'; readonly bytes: number } | { readonly kind: 'chunked' };

/**
 * The framing of a request that the parser let through. It has refused what is ambiguous (both headers, a length twice, a
 * coding that is not chunked last); what it lets pass and others may read differently is refused here.
 * @throws {Refusal} 400, after which the connection must be closed; 501 for a coding other than chunked.
 */
export function framingOf(request: IncomingMessage): Framing {
  const codings = valuesOf(request.rawHeaders, 'transfer-encoding');
  const lengths = valuesOf(request.rawHeaders, 'content-length');
  if (codings.length > 0) {
    if (request.httpVersion !== '1.1' || lengths.length > 0 || codings.length > 1) {
      throw new Refusal(400, 'malformed', 'the framing of the request is ambiguous');
    }
    if (codings[0]?.trim().toLowerCase() !== 'chunked') {
      throw new Refusal(501, 'malformed', 'the only transfer coding that the proxy takes is chunked');
    }
    return { kind: 'chunked' };
  }
  const [length] = lengths;
  if (length === undefined) return { kind: 'none' };
  if (lengths.length > 1 || !/^\d{1,15}$/.test(length)) {
    throw new Refusal(400, 'malformed', 'the framing of the request is ambiguous');
  }
  return { kind: 'length', bytes: Number(length) };
}

/** The framing headers for the next hop. @param method POST without a body says so; GET need not. */
export function framingHeaders(framing: Framing, method: string): readonly string[] {
  if (framing.kind === 'chunked') return ['Transfer-Encoding', 'chunked'];
  if (framing.kind === 'length') return ['Content-Length', String(framing.bytes)];
  return ['POST', 'PUT', 'PATCH'].includes(method) ? ['Content-Length', '0'] : [];
}

/** A body on its way from the client to the tool. */
export interface RequestBody {
  /** Whether `send` can be called: always for a small one, and until the first byte for one that streams. */
  readonly canBeSent: boolean;
  /** Whether some of it is still to come from the client. */
  readonly isUnderWay: boolean;
  /** Sends it and ends the request. Back-pressure goes through to the client. */
  send(request: ClientRequest): void;
}

/** Reads all of a body of known, small length, so that it can be sent again. */
export async function readBody(incoming: IncomingMessage): Promise<RequestBody> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const content = Buffer.concat(chunks);
  return {
    canBeSent: true,
    isUnderWay: false,
    send: (request) => void request.end(content),
  };
}

export const noBody: RequestBody = {
  canBeSent: true,
  isUnderWay: false,
  send: (request) => void request.end(),
};

/** A body that goes through without being kept, trailers included. */
export class StreamedBody implements RequestBody {
  readonly #incoming: IncomingMessage;
  readonly #onContinue: (() => void) | undefined;
  #hasStarted = false;
  #onUnasked: (() => void) | undefined;

  /** @param onContinue tells the client to go on; given when the client waits for that (`Expect: 100-continue`). */
  constructor(incoming: IncomingMessage, onContinue: (() => void) | undefined) {
    this.#incoming = incoming;
    this.#onContinue = onContinue;
  }

  get canBeSent(): boolean {
    return !this.#hasStarted;
  }

  get isUnderWay(): boolean {
    return !this.#incoming.readableEnded;
  }

  send(request: ClientRequest): void {
    const onContinue = this.#onContinue;
    this.#forget();
    if (onContinue === undefined) {
      this.#stream(request);
      return;
    }
    request.flushHeaders();
    const start = (): void => {
      if (!this.#hasStarted && !request.destroyed) this.#stream(request);
    };
    request.once('continue', () => {
      onContinue();
      start();
    });
    // A client need not wait for ever (RFC 9110, 10.1.1): what it sends unasked goes on unasked.
    this.#onUnasked = start;
    this.#incoming.once('readable', start);
    request.once('response', () => this.#forget());
  }

  #forget(): void {
    if (this.#onUnasked !== undefined) this.#incoming.off('readable', this.#onUnasked);
    this.#onUnasked = undefined;
  }

  #stream(request: ClientRequest): void {
    this.#hasStarted = true;
    this.#forget();
    this.#incoming.pipe(request, { end: false });
    const finish = (): void => {
      if (request.destroyed) return;
      const trailers = pairsOf(this.#incoming.rawTrailers);
      if (trailers.length > 0) request.addTrailers(trailers);
      request.end();
    };
    if (this.#incoming.readableEnded) finish();
    else this.#incoming.once('end', finish);
  }
}

/** Trailers may say nothing about framing, routing or who somebody is (RFC 9110, 6.5.1). */
const forbiddenTrailers: ReadonlySet<string> = new Set([
  'transfer-encoding',
  'content-length',
  'host',
  'authorization',
  'connection',
  'trailer',
  'te',
  'upgrade',
  'set-cookie',
  'private-token',
]);

/** Names and values in turn, as pairs that may go on. */
export function pairsOf(rawTrailers: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < rawTrailers.length; at += 2) {
    const name = rawTrailers[at] ?? '';
    const lower = name.toLowerCase();
    if (!forbiddenTrailers.has(lower) && !lower.startsWith('proxy-')) pairs.push([name, rawTrailers[at + 1] ?? '']);
  }
  return pairs;
}
