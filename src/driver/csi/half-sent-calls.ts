import { constants } from 'node:http2';
import type { ServerHttp2Stream } from 'node:http2';
import type { ServerInterceptingCall, ServerInterceptor } from '@grpc/grpc-js';

/**
 * Calls whose request is not complete, over all connections of a server, the oldest first, and no more than a bound: each
 * holds memory for as long as its client likes. A client that means to call has sent its request within milliseconds, so one
 * too many ends the one that has been so for longest. A call with its whole request is none of them and is never ended.
 */
export class HalfSentCalls {
  readonly #limit: number;
  readonly #onEnded: () => void;
  readonly #streams = new Set<ServerHttp2Stream>();

  /** @param onEnded told of each call that had to make room. */
  constructor(limit: number, onEnded: () => void) {
    this.#limit = limit;
    this.#onEnded = onEnded;
  }

  get count(): number {
    return this.#streams.size;
  }

  /** To be given to grpc-js, which tells it of every call as soon as its headers have come. Changes nothing of the call. */
  readonly interceptor: ServerInterceptor = (_method, call) => {
    const stream = streamOf(call);
    if (stream !== undefined) this.#add(stream);
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- the library takes what has the methods
    return call as ServerInterceptingCall;
  };

  #add(stream: ServerHttp2Stream): void {
    this.#streams.add(stream);
    const done = (): void => void this.#streams.delete(stream);
    stream.once('end', done);
    stream.once('close', done);
    if (this.count > this.#limit) this.#endOldest();
  }

  #endOldest(): void {
    const [oldest] = this.#streams;
    if (oldest === undefined) return;
    this.#streams.delete(oldest);
    // Its code makes the stream fail here as well; clients of gRPC take it for RESOURCE_EXHAUSTED.
    oldest.on('error', () => undefined);
    oldest.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    this.#onEnded();
  }
}

/** Undefined where this version of grpc-js keeps it elsewhere: then nothing is counted. */
function streamOf(call: object): ServerHttp2Stream | undefined {
  const stream: unknown = Reflect.get(call, 'stream');
  return isStream(stream) ? stream : undefined;
}

function isStream(value: unknown): value is ServerHttp2Stream {
  return typeof value === 'object' && value !== null && 'close' in value && 'once' in value;
}
