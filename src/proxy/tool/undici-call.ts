import type { Socket } from 'node:net';
import type { Dispatcher } from 'undici';
import { CoalescingStream } from './coalescing-stream.ts';
import type { Source } from './coalescing-stream.ts';
import type { RawHeaders } from './headers.ts';
import type { OutgoingBody } from './request-body.ts';
import { hasConnectionScheme } from './tool-exchange.ts';
import type { CallParts, ToolExchange, ToolRequest, ToolResponse } from './tool-exchange.ts';
import type { PendingConnection } from './tool-connection.ts';
import { informationalCounter } from './informational-counter.ts';
import type { InformationalCounter } from './informational-counter.ts';
import type { ThreadShare } from '../thread-shares.ts';
import { connectionClosed, ToolConnection } from './tool-connection.ts';
import { UnusableResponse } from './tool-failure.ts';
import { Upload } from './request-body.ts';

/** A request on a kept connection, by undici. */
export class UndiciCall implements ToolExchange, Dispatcher.DispatchHandler {
  readonly response: Promise<ToolResponse>;
  readonly #parts: CallParts;
  readonly #request: ToolRequest;
  #content: Buffer | Upload | undefined;
  /** Undefined until there is one, and once the response is complete: it can then serve another request. */
  #connection: ToolConnection | undefined;
  #resolve!: (response: ToolResponse) => void;
  #reject!: (error: unknown) => void;
  #body: CoalescingStream | undefined;
  #rawTrailers: RawHeaders = [];
  #isComplete = false;
  #hasFailed = false;
  #status = 0;
  /** Whether the response prevents another request on the connection. */
  #isExclusive = false;
  #informational: InformationalCounter | undefined;

  constructor(
    request: ToolRequest,
    body: OutgoingBody | undefined,
    connection: ToolConnection | PendingConnection,
    parts: CallParts,
  ) {
    this.#request = request;
    this.#parts = parts;
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    if (connection instanceof ToolConnection) this.#start(connection, body);
    else {
      connection(() => !this.#hasFailed)
        .then((opened) => this.#start(opened, body))
        .catch(this.#reject);
    }
  }

  #start(connection: ToolConnection, body: OutgoingBody | undefined): void {
    this.#connection = connection;
    this.#content = body?.pull();
    const { method, path, headers } = this.#request;
    // By default, undici closes the connection after each HEAD. Tools can ignore a body that the method does not expect, and
    // read it as the next request.
    const reset = connection.onIdle === undefined || (this.#content !== undefined && !methodsWithBody.has(method));
    const options = { method, path, headers: withoutCoding(headers), body: this.#content ?? null, reset };
    connection.dispatch(options, this);
  }

  readonly #chunkShare = (): ThreadShare => this.#parts.threads.of(this.#request.owner.namespace);

  get socket(): Socket | undefined {
    return this.#connection?.socket;
  }

  get isReused(): boolean {
    return this.#connection?.isReused === true;
  }

  onRequestStart(): void {
    // Required by undici.
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    const rawHeaders = textsOf(controller.rawHeaders);
    if (status >= 100 && status < 200 && status !== 101) {
      this.#informational ??= informationalCounter(this.#request, this.#parts.threads);
      const failure = this.#informational(rawHeaders);
      if (failure !== undefined) this.destroy(failure);
      return;
    }
    const problem = UnusableResponse.of(status, rawHeaders);
    if (problem !== undefined) {
      // The end of such a response is uncertain, even if it looks complete.
      this.destroy(problem);
      return;
    }
    if (hasConnectionScheme(rawHeaders, 'www-authenticate')) this.#isExclusive = true;
    this.#status = status;
    const source = new ResponseSource(this.socket, controller);
    const body = new CoalescingStream(source, this.#chunkShare, (error) => this.destroy(error));
    this.#body = body;
    this.#resolve({ status, rawHeaders, body, rawTrailers: () => this.#rawTrailers });
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#body?.push(chunk);
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    this.#rawTrailers = textsOf(controller.rawTrailers);
    this.#isComplete = true;
    const connection = this.#connection;
    // From now on its bytes are those of another request.
    this.#connection = undefined;
    if (this.#isExclusive || connection?.onIdle === undefined) connection?.socket.destroy(connectionClosed());
    else connection.onIdle();
    this.#body?.end();
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error & { readonly code?: string }): void {
    // These responses have no body, and may have the length of another one (RFC 9110, 8.6). undici closes the connection.
    const isWithoutBody = this.#status === 204 || this.#status === 304;
    if (isWithoutBody && error.code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH') {
      this.#isComplete = true;
      this.#body?.end();
    } else this.#fail(error);
  }

  destroy(error?: Error): void {
    if (this.#isComplete) return;
    // An error that the owner gives is that of the response. The rest of a body is only missing.
    this.#reject(error ?? connectionClosed());
    this.#fail(connectionClosed());
    this.socket?.destroy(connectionClosed());
  }

  end(): void {
    this.destroy();
  }

  #fail(error: Error): void {
    this.#hasFailed = true;
    if (this.#content instanceof Upload) this.#content.destroy();
    this.#reject(error);
    this.#body?.close(error);
  }
}

/** The connection that a response arrives on. */
class ResponseSource implements Source {
  readonly #socket: Socket | undefined;
  readonly #controller: Dispatcher.DispatchController;
  #wantsPause = false;

  constructor(socket: Socket | undefined, controller: Dispatcher.DispatchController) {
    this.#socket = socket;
    this.#controller = controller;
  }

  get bytesRead(): number {
    return this.#socket?.bytesRead ?? 0;
  }

  /**
   * Pauses after the read. In the middle of one, undici gives its rest back to the socket and reads more when it resumes:
   * a download that the client reads slowly would take more memory with each pause.
   */
  pause(): void {
    // Each further chunk of the read asks again.
    if (this.#wantsPause) return;
    this.#wantsPause = true;
    queueMicrotask(this.#pauseNow);
  }

  readonly #pauseNow = (): void => {
    if (this.#wantsPause) this.#controller.pause();
  };

  resume(): void {
    this.#wantsPause = false;
    this.#controller.resume();
  }
}

const methodsWithBody: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH']);

/** Returns headers without `Transfer-Encoding`, which undici adds itself to a body of unknown length. */
function withoutCoding(headers: RawHeaders): string[] {
  const at = headers.findIndex((name, index) => index % 2 === 0 && name === 'Transfer-Encoding');
  return at === -1 ? [...headers] : headers.toSpliced(at, 2);
}

/** Returns headers as Node decodes them, so that the next hop gets the same bytes. */
function textsOf(raw: Dispatcher.DispatchController['rawHeaders']): RawHeaders {
  if (!Array.isArray(raw)) return [];
  return raw.map((text) => (typeof text === 'string' ? text : text.toString('latin1')));
}
