import { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import { constants } from 'node:http2';
import type { FaultEffect } from './faults.ts';

type CutEffect = Extract<FaultEffect, { kind: 'cut' }>;

export type ApiRequest = IncomingMessage | Http2ServerRequest;
export type ApiResponse = ServerResponse | Http2ServerResponse;

/** One answer over HTTP/1.1 or HTTP/2, sent through the faults that concern its body. */
export class Reply {
  readonly #request: ApiRequest;
  readonly #response: ApiResponse;
  #cut: CutEffect | undefined;
  #chunkBytes = Infinity;
  #sentBytes = 0;
  #isOver = false;
  #isClosed = false;
  #code = 0;

  constructor(request: ApiRequest, response: ApiResponse) {
    this.#request = request;
    this.#response = response;
    response.on('close', () => {
      this.#isOver = true;
      this.#isClosed = true;
    });
  }

  /** The HTTP status sent; 0 before. */
  get code(): number {
    return this.#code;
  }

  /** Whether nothing can be sent any more. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Calls back once the exchange has ended, for whatever reason. */
  onClose(callback: () => void): void {
    if (this.#isClosed) callback();
    else this.#response.on('close', callback);
  }

  spoil(effects: readonly FaultEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'cut') this.#cut = effect;
      if (effect.kind === 'chunk') this.#chunkBytes = effect.bytes;
    }
  }

  head(code: number, headers: Readonly<Record<string, string>> = {}): void {
    if (this.#isOver) return;
    this.#code = code;
    this.#response.statusCode = code;
    const all = { 'content-type': 'application/json', 'cache-control': 'no-cache, private', ...headers };
    for (const [name, value] of Object.entries(all)) this.#response.setHeader(name, value);
    // The headers of a watch would wait for its first event without this.
    if (this.#response instanceof ServerResponse) this.#response.flushHeaders();
    else this.#response.writeHead(code);
  }

  write(text: string): void {
    const bytes = Buffer.from(text);
    for (let start = 0; start < bytes.length && !this.#isOver;) {
      const left = this.#cut ? this.#cut.afterBytes - this.#sentBytes : Infinity;
      const piece = bytes.subarray(start, start + Math.min(this.#chunkBytes, left));
      start += piece.length;
      this.#sentBytes += piece.length;
      if (this.#cut && this.#sentBytes >= this.#cut.afterBytes) this.#breakOff(this.#cut, piece);
      else this.#writeOut(piece);
    }
  }

  end(): void {
    if (!this.#isOver) this.#response.end();
    this.#isOver = true;
  }

  send(code: number, text: string, headers: Readonly<Record<string, string>> = {}): void {
    this.head(code, headers);
    this.write(text);
    this.end();
  }

  reset(scope: 'connection' | 'stream'): void {
    this.#isOver = true;
    if (this.#request instanceof IncomingMessage) this.#request.socket.destroy();
    else if (scope === 'stream') this.#request.stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    else this.#request.stream.session?.destroy();
  }

  #breakOff({ how = 'connection' }: CutEffect, lastPiece: Buffer): void {
    this.#isOver = true;
    if (how === 'end') this.#response.end(lastPiece);
    // The bytes before the cut must have left first.
    else this.#writeOut(lastPiece, () => setImmediate(() => this.reset(how)));
  }

  #writeOut(piece: Buffer, written: () => void = () => undefined): void {
    if (this.#response instanceof ServerResponse) this.#response.write(piece, written);
    else this.#response.write(piece, written);
  }
}
