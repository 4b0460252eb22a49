import type { ClientRequest, IncomingMessage } from 'node:http';
import type { TokenBucket } from '../../limits/token-bucket.js';
import { ProxyError } from '../proxy-error.js';
import { GatheredStream } from './gathered-stream.js';
import type { RawHeaders } from './headers.js';
import type { ToolClient, ToolRequest } from './tool-client.js';
import { toolFailure } from './tool-failure.js';

export interface OwnResponse {
  readonly status: number;
  readonly rawHeaders: RawHeaders;
  /** The body; undefined if it exceeds the limit. */
  readonly body: string | undefined;
}

export interface OwnRequestLimits {
  readonly bodyBytes: number;
  /** Limit of the time for connecting, response headers and body together. */
  readonly timeoutMs: number;
}

/**
 * Sends a request of the proxy itself, without a body, and reads the response. Redirects are not followed.
 * @param server its name in messages.
 * @throws {ProxyError} if no response arrives in time, or the server switches protocols without a request to do so.
 */
export async function sendOwnRequest(
  client: ToolClient,
  toolRequest: ToolRequest,
  server: string,
  limits: OwnRequestLimits,
  signal: AbortSignal,
): Promise<OwnResponse> {
  try {
    const request = client.request(toolRequest);
    const stop = (): void => void request.destroy(new ResponseTimeout());
    const timer = setTimeout(stop, limits.timeoutMs);
    signal.addEventListener('abort', stop, { once: true });
    try {
      const { message, body } = await responseTo(request, server, client.chunkRate);
      const whole = await body.whole(limits.bodyBytes, signal);
      if (whole === undefined) request.destroy();
      return { status: message.statusCode ?? 0, rawHeaders: message.rawHeaders, body: whole?.toString() };
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
    }
  } catch (error) {
    throw toolFailure(error, server);
  }
}

/** A response whose body is gathered: a tool that sends chunks of one byte must not exhaust the heap. */
interface PendingResponse {
  readonly message: IncomingMessage;
  readonly body: GatheredStream;
}

function responseTo(request: ClientRequest, server: string, chunkRate: TokenBucket): Promise<PendingResponse> {
  return new Promise((resolve, reject) => {
    const switched = (): void => {
      request.destroy();
      reject(new ProxyError(502, 'protocol', `${server} switched protocols (101) without being asked to`));
    };
    request.on('error', reject);
    request.once('upgrade', (_response, socket) => {
      socket.destroy();
      switched();
    });
    request.once('response', (message) => {
      const body = new GatheredStream(message, chunkRate);
      // Without the header Upgrade, Node treats it as an ordinary response with an endless body.
      if (message.statusCode === 101) switched();
      else resolve({ message, body });
    });
    request.once('close', () => {
      reject(new ProxyError(502, 'reset', `${server} closed the connection without a response`));
    });
    request.end();
  });
}

class ResponseTimeout extends Error {
  override readonly name = 'ResponseTimeout';
  readonly code = 'ETIMEDOUT';
}
