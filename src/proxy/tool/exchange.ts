import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../../shared/clock.ts';
import { ProxyError } from '../proxy-error.ts';
import { clientHeaders, responseHeaders, requestHeaders, trailerHeaders, upgradeHeaders } from './exchange-headers.ts';
import type { RawHeaders } from './headers.ts';
import { valuesOf } from './headers.ts';
import { framingHeaders, pairsOf } from './request-body.ts';
import type { Framing, RequestBody } from './request-body.ts';
import type { Outgoing, ToolExchange, ToolRequest, ToolResponse } from './tool-exchange.ts';
import { isIdempotent, sendWithRetry } from './tool-exchange.ts';
import { watchIdle } from './idle-timeout.ts';
import type { Transfer } from './idle-timeout.ts';
import type { ToolClient } from './tool-client.ts';
import type { CredentialUse } from './tool-credential.ts';
import { toolFailure } from './tool-failure.ts';
import { nameOf } from './tool-origin.ts';
import type { Switched } from './exchange-headers.ts';
import { proxyLimits } from '../limits.ts';

interface ExchangeTimings {
  /** Timeout without a byte in either direction. */
  readonly idleMs: number;
  /** From the end of the request to the headers of the response. */
  readonly responseMs: number;
  /** Time that a transfer can outlive its token. */
  readonly graceMs: number;
}

export interface ExchangeParts {
  readonly client: ToolClient;
  readonly timings: ExchangeTimings;
  readonly clock: Clock;
  readonly monotonicNow: () => number;
}

/** A client's request and its response. */
interface Incoming {
  readonly request: IncomingMessage;
  readonly body: RequestBody;
  readonly response: ServerResponse;
  /** Expiry of the client's token, milliseconds since the epoch. */
  readonly expiresAtMs: number;
}

interface ExchangeOutcome {
  readonly status: number;
  /** From the start of the exchange to the headers of the tool's response. */
  readonly firstByteMs: number;
  /** Whether the tool or the client left before the response was complete. */
  readonly isAborted: boolean;
}

const maxBufferedBytes = proxyLimits.requestsInFlight.repeatableBytes;

/** One request of a client, forwarded to a tool, and the tool's response. It owns its requests to the tool. */
export class Exchange implements Transfer {
  readonly #parts: ExchangeParts;
  readonly #incoming: Incoming;
  readonly #outgoing: Outgoing;
  readonly #startMs: number;
  /** Aborts when the client leaves or the idle timeout passes. Created on demand. */
  #leaving: AbortController | undefined;
  #hasLeft = false;
  /** Requests to the tool, the current one last. */
  readonly #calls: ToolExchange[] = [];
  #onClosed: (() => void) | undefined;
  #hasResponse = false;
  #stalled: ProxyError | undefined;

  constructor(parts: ExchangeParts, incoming: Incoming, outgoing: Outgoing) {
    this.#parts = parts;
    this.#incoming = incoming;
    this.#outgoing = outgoing;
    this.#startMs = parts.monotonicNow();
  }

  /**
   * Runs the exchange:
   * 1. Buffers the body if it is small and can be needed twice.
   * 2. Sends the request with the credential.
   * 3. Sends it again if the tool requires other authentication that the credential can provide.
   * 4. Streams the response.
   * 5. Ends each request to the tool, and closes incomplete ones.
   *
   * @throws {ProxyError} if no part of a response has been sent.
   */
  run(): Promise<ExchangeOutcome> {
    return this.#running(async () => this.#relay(await this.#authenticateAndSend()));
  }

  /**
   * Sends a request to switch protocols (websockets, SPDY), which has no body.
   * @returns the tool's connection with the new protocol, or the outcome of an ordinary response.
   * @throws {ProxyError} as `run`.
   */
  upgrade(): Promise<ExchangeOutcome | Switched> {
    return this.#running(async () => {
      const { method = 'GET', rawHeaders } = this.#incoming.request;
      const { path, credential } = this.#outgoing;
      const initial = await credential.headersFor({ method, path, isUnrepeatable: true }, this.#leavingSignal());
      const request = this.#toolRequest({ kind: 'none' }, [...initial, ...upgradeHeaders(rawHeaders)]);
      this.#ensurePresent();
      const call = this.#parts.client.upgrade(request);
      this.#calls.push(call);
      const toolResponse = await Promise.race([call.switched(), call.response]);
      if ('socket' in toolResponse) return toolResponse;
      if (toolResponse.status === 401) credential.rejected?.();
      return this.#relay(toolResponse);
    });
  }

  /** Watches the client and the idle timeout during a task, and ends the requests to the tool after it. */
  async #running<T>(task: () => Promise<T>): Promise<T> {
    const { response } = this.#incoming;
    response.on('close', this.#onClose);
    const stopWatching = watchIdle(this, this.#parts.monotonicNow);
    try {
      return await task();
    } catch (error) {
      throw this.#stalled ?? toolFailure(error, nameOf(this.#outgoing.origin));
    } finally {
      stopWatching();
      response.off('close', this.#onClose);
      for (const call of this.#calls) call.end();
    }
  }

  async #authenticateAndSend(): Promise<ToolResponse> {
    const { credential, path } = this.#outgoing;
    const { request, body } = this.#incoming;
    const { framing } = body;
    if (credential.headersAfter !== undefined && isSmall(framing) && body.isStreamed && !body.expectsContinue) {
      await body.buffer(framing.bytes, this.#leavingSignal());
    }
    const use: CredentialUse = {
      method: request.method ?? '',
      path,
      isUnrepeatable: body.isStreamed && !body.expectsContinue,
    };
    const initial = credential.fixedHeaders ?? (await credential.headersFor(use, this.#leavingSignal()));
    const message = [...framingHeaders(framing, use.method), ...trailerHeaders(request.rawHeaders)];
    const first = await this.#send(this.#toolRequest(framing, [...message, ...initial]));
    if (first.status !== 401 || credential.headersAfter === undefined) return first;
    if (!body.canBeSent) {
      credential.rejected?.();
      return first;
    }
    const challenges = valuesOf(first.rawHeaders, 'www-authenticate');
    const better = await credential.headersAfter(challenges, use, this.#leavingSignal());
    if (better === undefined) return first;
    this.#calls.at(-1)?.end();
    return this.#send(this.#toolRequest(framing, [...message, ...better]));
  }

  #toolRequest(framing: Framing, added: RawHeaders): ToolRequest {
    const { origin, path: clientPath, trust, owner, credential } = this.#outgoing;
    const { request, body } = this.#incoming;
    body.withoutTrailers = credential.replaces;
    const path = credential.pathWithParameters?.(clientPath) ?? clientPath;
    const headers = requestHeaders(request.rawHeaders, this.#outgoing, framing.kind === 'chunked');
    return { origin, method: request.method ?? '', path, headers: [...headers, ...added], trust, owner };
  }

  #send(toolRequest: ToolRequest): Promise<ToolResponse> {
    return sendWithRetry(
      () => this.#call(toolRequest),
      () => this.#isRepeatable,
    );
  }

  #call(toolRequest: ToolRequest): ToolExchange {
    this.#ensurePresent();
    const { body, response } = this.#incoming;
    const call = this.#parts.client.send(toolRequest, body, () => response.writeContinue());
    this.#calls.push(call);
    return call;
  }

  get #isRepeatable(): boolean {
    const { body, request } = this.#incoming;
    return body.canBeSent && !body.isArriving && isIdempotent(request.method ?? '') && !this.#hasLeft;
  }

  /** Ensures that the client has not left. @throws {ClientGone} */
  #ensurePresent(): void {
    if (this.#hasLeft) throw new ClientGone();
  }

  /** Streams a response to the client until its end or until one side leaves. */
  async #relay({ status, rawHeaders, body, rawTrailers }: ToolResponse): Promise<ExchangeOutcome> {
    const firstByteMs = this.#parts.monotonicNow() - this.#startMs;
    this.#hasResponse = true;
    const { response, request } = this.#incoming;
    const { headers, isChunked } = responseHeaders(rawHeaders, status, request.httpVersion, this.#outgoing);
    // The reason phrase is the proxy's own: a tool's can contain characters that are invalid in a status line.
    response.writeHead(status, headers);
    // Sends the headers even if the body takes long.
    const flushing = body.hasEnded ? undefined : setImmediate(() => response.flushHeaders());
    body.pipeTo(response, () => {
      clearImmediate(flushing);
      const trailers = pairsOf(clientHeaders(rawTrailers(), this.#outgoing.credential));
      if (trailers.length > 0 && isChunked) response.addTrailers(trailers);
      response.end();
    });
    // Closes the connection, so that the client detects an incomplete response.
    body.onAborted(() => response.destroy());
    await this.#untilClosed();
    clearImmediate(flushing);
    return { status, firstByteMs, isAborted: !this.#isDelivered };
  }

  /**
   * Whether the whole response has left the process. For Node, a response is also finished if its connection was
   * destroyed.
   */
  get #isDelivered(): boolean {
    const { response, request } = this.#incoming;
    return response.writableFinished && (!request.socket.destroyed || request.socket.writableFinished);
  }

  /**
   * Bytes moved so far. Before the response headers, received bytes do not count: a tool could send informational
   * responses without end, or headers one byte at a time.
   */
  movedBytes(): number {
    const { socket } = this.#incoming.request;
    const tool = this.#calls.at(-1)?.socket;
    const ofResponse = this.#hasResponse ? (tool?.bytesRead ?? 0) : 0;
    return socket.bytesRead + socket.bytesWritten + (tool?.bytesWritten ?? 0) + ofResponse;
  }

  idleTimeoutMs(): number {
    const { clock, timings } = this.#parts;
    const { responseMs, idleMs, graceMs } = timings;
    if (clock.now() > this.#incoming.expiresAtMs + graceMs) return 0;
    return this.#hasResponse || this.#incoming.body.isArriving ? idleMs : responseMs;
  }

  onStalled(): void {
    const tool = nameOf(this.#outgoing.origin);
    this.#stalled = new ProxyError(504, 'timeout', `nothing has moved between the client and ${tool} for too long`);
    this.#leave();
    if (this.#hasResponse) this.#incoming.response.destroy();
  }

  /** Returns the signal, created only for requests that wait for something other than the tool. */
  #leavingSignal(): AbortSignal {
    this.#leaving ??= new AbortController();
    if (this.#hasLeft) this.#leaving.abort(new ClientGone());
    return this.#leaving.signal;
  }

  /** Aborts the exchange because the client has left, unless the response is complete. */
  #leave(): void {
    if (this.#incoming.response.writableFinished) return;
    this.#hasLeft = true;
    this.#leaving?.abort(new ClientGone());
    this.#calls.at(-1)?.destroy();
  }

  readonly #onClose = (): void => {
    this.#leave();
    this.#onClosed?.();
  };

  #untilClosed(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#incoming.response.closed) resolve();
      else this.#onClosed = resolve;
    });
  }
}

function isSmall(framing: Framing): framing is Extract<Framing, { kind: 'length' }> {
  return framing.kind === 'length' && framing.bytes <= maxBufferedBytes;
}

class ClientGone extends Error {
  override readonly name = 'ClientGone';
}
