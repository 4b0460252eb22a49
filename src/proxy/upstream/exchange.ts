import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import { Refusal } from '../refusal.js';
import type { ClientLoad } from './client-load.js';
import { tellWhenBlocked } from './client-load.js';
import type { RawHeaders } from './headers.js';
import { endToEnd, hasWord, valuesOf } from './headers.js';
import { StreamedBody, framingHeaders, framingOf, noBody, pairsOf, readBody } from './request-body.js';
import type { Framing, RequestBody } from './request-body.js';
import type { StallWatch, Watched } from './stall-watch.js';
import type { LookupOwner } from './resolver.js';
import type { ToolClient, ToolRequest } from './tool-client.js';
import type { CredentialUse, ToolCredential } from './tool-credential.js';
import { withheldFromAnswer } from './tool-credential.js';
import { toolFailure } from './tool-failure.js';
import { authorityOf, nameOf } from './tool-origin.js';
import type { ToolOrigin } from './tool-origin.js';
import type { Trust } from './trust.js';

export interface ExchangeTimings {
  /** Without a byte in either direction. */
  readonly idleMs: number;
  /** From the end of the request to the head of the answer. */
  readonly answerMs: number;
}

export interface ExchangeParts {
  readonly client: ToolClient;
  readonly watch: StallWatch;
  readonly load: ClientLoad;
  readonly timings: ExchangeTimings;
  readonly steadyNow: () => number;
}

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
  /** Changes the headers of the answer, such as `Location`. */
  readonly rewriteAnswer?: (headers: string[]) => string[];
}

export interface Outcome {
  readonly status: number;
  /** Until the head of the tool's answer. */
  readonly firstByteMs: number;
  /** The tool or the client left before the answer was whole. */
  readonly isBroken: boolean;
}

/** Bodies up to this size are kept while a registry may still ask for a token. */
const maxKeptBytes = 64 * 1024;
const madeAnew: ReadonlySet<string> = new Set(['host']);
const noHeaders: ReadonlySet<string> = new Set();
/** After these the same request may be sent again although the first may have arrived (RFC 9110, 9.2.2). */
const idempotent: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

interface Answer {
  readonly request: ClientRequest;
  readonly response: IncomingMessage;
}

/** One request of a client, sent to a tool, and the tool's answer on its way back. */
export class Exchange implements Watched {
  readonly #parts: ExchangeParts;
  readonly #incoming: IncomingMessage;
  readonly #response: ServerResponse;
  /** The client has gone, or nothing has moved for too long. */
  #hasLeft = false;
  /** Tells it to whoever is asked for a credential; there for those requests alone. */
  #leaving: AbortController | undefined;
  #origin: ToolOrigin | undefined;
  /** Of the current try. */
  #request: ClientRequest | undefined;
  #body: RequestBody | undefined;
  #hasAnswer = false;
  #stalled: Refusal | undefined;

  constructor(parts: ExchangeParts, incoming: IncomingMessage, response: ServerResponse) {
    this.#parts = parts;
    this.#incoming = incoming;
    this.#response = response;
  }

  /**
   * 1. Takes the body as it comes, or whole where it may be needed twice.
   * 2. Sends the request with the credential.
   * 3. Sends it again when the tool asks for something better and that can be had.
   * 4. Streams the answer.
   * @throws {Refusal} as long as nothing of an answer has been sent.
   */
  async run(outgoing: Outgoing): Promise<Outcome> {
    const startMs = this.#parts.steadyNow();
    const framing = framingOf(this.#incoming);
    this.#response.once('close', () => this.#leave());
    this.#origin = outgoing.origin;
    const stopWatching = this.#parts.watch.add(this);
    try {
      this.#body = await this.#bodyFor(framing, outgoing.credential);
      const answer = await this.#ask(outgoing, framing, this.#body);
      const firstByteMs = this.#parts.steadyNow() - startMs;
      this.#hasAnswer = true;
      await this.relay(answer, outgoing);
      return { status: answer.response.statusCode ?? 0, firstByteMs, isBroken: !this.#response.writableFinished };
    } catch (error) {
      throw this.#stalled ?? toolFailure(error, nameOf(outgoing.origin));
    } finally {
      stopWatching();
    }
  }

  async #bodyFor(framing: Framing, credential: ToolCredential): Promise<RequestBody> {
    if (framing.kind === 'none') return noBody;
    const waits = this.#expectsContinue;
    const isKept = framing.kind === 'length' && framing.bytes <= maxKeptBytes && credential.answersChallenges && !waits;
    if (isKept) return readBody(this.#incoming);
    tellWhenBlocked(this.#incoming, this.#incoming.socket, this.#parts.load);
    return new StreamedBody(this.#incoming, waits ? () => this.#response.writeContinue() : undefined);
  }

  get #expectsContinue(): boolean {
    return hasWord(this.#incoming.rawHeaders, 'expect', '100-continue');
  }

  async #ask(outgoing: Outgoing, framing: Framing, body: RequestBody): Promise<Answer> {
    const { credential } = outgoing;
    const use: CredentialUse = {
      method: this.#incoming.method ?? '',
      path: outgoing.path,
      isUnrepeatable: body instanceof StreamedBody && !this.#expectsContinue,
    };
    const shown = credential.fixedHeaders ?? (await credential.headersFor(use, this.#leavingSignal()));
    const first = await this.#send(this.#toolRequest(outgoing, framing, shown), body);
    if (first.response.statusCode !== 401 || !credential.answersChallenges || !body.canBeSent) return first;
    const challenges = valuesOf(first.response.rawHeaders, 'www-authenticate');
    const better = await credential.headersAfter(challenges, use, this.#leavingSignal());
    if (better === undefined) return first;
    // The connection can be used again once the answer's body is read.
    first.response.resume();
    return this.#send(this.#toolRequest(outgoing, framing, better), body);
  }

  #toolRequest(outgoing: Outgoing, framing: Framing, credential: RawHeaders): ToolRequest {
    const { origin, path, trust, lookedUpFor } = outgoing;
    const { rawHeaders, method = '' } = this.#incoming;
    const takesTrailers = hasWord(rawHeaders, 'te', 'trailers');
    const headers = [
      'Host',
      authorityOf(origin),
      ...endToEnd(rawHeaders, madeAnew, outgoing.credential.replaces, outgoing.withoutHeaders ?? noHeaders),
      ...framingHeaders(framing, method),
      ...credential,
      ...outgoing.via,
      ...(takesTrailers ? ['TE', 'trailers', 'Connection', 'keep-alive, TE'] : []),
    ];
    return { origin, method, path, headers, trust, lookedUpFor };
  }

  /** A connection that was kept may have been closed at the other end by now; what can be repeated then is, once. */
  async #send(toolRequest: ToolRequest, body: RequestBody): Promise<Answer> {
    try {
      return await this.#sendOnce(toolRequest, body);
    } catch (error) {
      const isRepeatable = body.canBeSent && !body.isUnderWay && idempotent.has(toolRequest.method);
      if (this.#request?.reusedSocket !== true || !isRepeatable || this.#hasLeft) throw error;
      return this.#sendOnce(toolRequest, body);
    }
  }

  #sendOnce(toolRequest: ToolRequest, body: RequestBody): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#hasLeft) throw new ClientGone();
      const request = this.#parts.client.request(toolRequest);
      this.#request = request;
      request.on('error', reject);
      let isAnswered = false;
      // Every request closes: an error, with its stack, is made for those alone that close early.
      request.once('close', () => {
        if (!isAnswered) reject(new ClientGone());
      });
      request.once('response', (response) => {
        isAnswered = true;
        // Listened to from the start: what breaks off before it is relayed must not be an uncaught error.
        response.on('error', () => undefined);
        resolve({ request, response });
      });
      body.send(request);
    });
  }

  /** Streams an answer of the tool back, to its end or until one side leaves. */
  async relay({ request, response: tool }: Answer, outgoing: Outgoing): Promise<void> {
    const response = this.#response;
    const done = new Promise<void>((resolve) => {
      if (response.closed) resolve();
      else response.once('close', resolve);
    });
    const kept = endToEnd(tool.rawHeaders, withheldFromAnswer(outgoing.credential));
    const headers = outgoing.rewriteAnswer?.(kept) ?? kept;
    const [length] = valuesOf(tool.rawHeaders, 'content-length');
    if (length !== undefined) headers.push('Content-Length', length);
    else if (hasWord(tool.rawHeaders, 'transfer-encoding', 'chunked') && this.#incoming.httpVersion === '1.1') {
      headers.push('Transfer-Encoding', 'chunked');
    }
    response.writeHead(tool.statusCode ?? 502, tool.statusMessage, [...headers, ...outgoing.via]);
    tellWhenBlocked(tool, this.#incoming.socket, this.#parts.load);
    tool.on('data', (chunk: Buffer) => {
      if (!response.destroyed && !response.write(chunk)) tool.pause();
    });
    response.on('drain', () => tool.resume());
    tool.once('end', () => {
      const trailers = pairsOf(tool.rawTrailers);
      if (trailers.length > 0) response.addTrailers(trailers);
      response.end();
    });
    // Half an answer must not look like a whole one.
    tool.once('close', () => {
      if (!tool.complete) response.destroy();
    });
    if (tool.destroyed && !tool.complete) response.destroy();
    await done;
    if (!tool.complete) request.destroy();
  }

  #leavingSignal(): AbortSignal {
    this.#leaving ??= new AbortController();
    if (this.#hasLeft) this.#leaving.abort();
    return this.#leaving.signal;
  }

  /**
   * Until there is an answer, nothing that a tool sends is one: neither informational ones without end, nor a head that
   * comes a byte at a time.
   */
  movedBytes(): number {
    const { socket } = this.#incoming;
    const tool = this.#request?.socket;
    const ofAnswer = this.#hasAnswer ? (tool?.bytesRead ?? 0) : 0;
    return socket.bytesRead + socket.bytesWritten + (tool?.bytesWritten ?? 0) + ofAnswer;
  }

  patienceMs(): number {
    const { answerMs, idleMs } = this.#parts.timings;
    return this.#hasAnswer || this.#body?.isUnderWay !== false ? idleMs : answerMs;
  }

  onStalled(): void {
    const tool = this.#origin === undefined ? 'the tool' : nameOf(this.#origin);
    this.#stalled = new Refusal(504, 'timeout', `nothing has moved between the client and ${tool} for too long`);
    this.#leave();
    if (this.#hasAnswer) this.#response.destroy();
  }

  /** The client has gone, or has everything: then there is nobody to tell. */
  #leave(): void {
    if (this.#response.writableFinished) return;
    this.#hasLeft = true;
    this.#leaving?.abort();
    this.#request?.destroy();
  }
}

class ClientGone extends Error {
  override readonly name = 'ClientGone';
}
