import type { ClientRequest, IncomingMessage } from 'node:http';
import http from 'node:http';
import type { Socket } from 'node:net';
import { proxyLimits } from '../limits.ts';
import { coalesce } from './coalesce.ts';
import { informationalCounter } from './informational-counter.ts';
import type { ChunkShare } from './coalescing-stream.ts';
import type { OutgoingBody } from './request-body.ts';
import type { CallParts, ToolExchange, ToolRequest, ToolResponse } from './tool-exchange.ts';
import { connectionClosed, type Opening } from './tool-connection.ts';
import { UnusableResponse } from './tool-failure.ts';
import type { Switched } from './exchange-headers.ts';

/** A request on a connection of its own, by Node's client. It supports what undici does not. */
export class NodeCall implements ToolExchange {
  readonly isReused = false;
  readonly socket: Socket;
  readonly response: Promise<ToolResponse>;
  readonly #request: ClientRequest;
  #hasSwitched = false;

  constructor({ socket, opened }: Opening, toolRequest: ToolRequest, { threads }: CallParts) {
    this.socket = socket;
    const { method, path, headers } = toolRequest;
    const request = http.request({
      createConnection: (_, done) => {
        opened.then(
          (stream) => done(null, stream),
          (error: unknown) => done(error instanceof Error ? error : connectionClosed(), socket),
        );
        return undefined;
      },
      ...{ method, path, headers, setHost: false },
      maxHeaderSize: proxyLimits.headers.bytes,
      insecureHTTPParser: false,
    });
    this.#request = request;
    // One more than permitted, to detect a response with too many.
    request.maxHeadersCount = proxyLimits.headers.lines + 1;
    const counter = informationalCounter(toolRequest, threads);
    request.on('information', ({ rawHeaders }) => {
      const failure = counter(rawHeaders);
      if (failure !== undefined) request.destroy(failure);
    });
    this.response = new Promise((resolve, reject) => {
      // After the response, errors are reported by the response.
      request.on('error', reject);
      // Every request closes. The error, with its stack, is created only for those that close early.
      let hasResponse = false;
      request.once('close', () => {
        if (!hasResponse) reject(connectionClosed());
      });
      request.once('response', (message) => {
        hasResponse = true;
        // A response in the same read as the reason to close the connection.
        if (request.destroyed) return;
        const response = responseOf(message, () => threads.of(toolRequest.owner.namespace));
        const problem = UnusableResponse.of(response.status, message.rawHeaders);
        if (problem === undefined) resolve(response);
        else reject(problem);
      });
    });
  }

  /** Sends the body, and ends the request. @param onContinue see RequestBody.send. */
  send(body: OutgoingBody | undefined, onContinue: () => void): void {
    if (body === undefined) this.#request.end();
    else body.send(this.#request, onContinue);
  }

  /** Ends a request without a body, and waits for a tool that switches protocols. Its connection is the caller's. */
  switched(): Promise<Switched> {
    this.#request.end();
    return new Promise((resolve) => {
      this.#request.once('upgrade', (message, socket, first) => {
        this.#hasSwitched = true;
        resolve({ message, socket, first });
      });
    });
  }

  destroy(error?: Error): void {
    this.#request.destroy(error);
    // The request has no connection before it is open.
    this.socket.destroy();
  }

  end(): void {
    if (!this.#hasSwitched) this.destroy();
  }
}

function responseOf(message: IncomingMessage, chunkShare: ChunkShare): ToolResponse {
  return {
    status: message.statusCode ?? 0,
    rawHeaders: message.rawHeaders,
    body: coalesce(message, chunkShare),
    rawTrailers: () => message.rawTrailers,
  };
}
