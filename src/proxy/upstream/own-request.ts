import type { RawHeaders } from './headers.js';
import type { ToolRequest } from './tool-call.js';
import type { ToolClient } from './tool-client.js';
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
    const call = client.send(toolRequest);
    const stop = (): void => call.destroy(new ResponseTimeout());
    const timer = setTimeout(stop, limits.timeoutMs);
    signal.addEventListener('abort', stop, { once: true });
    try {
      const { status, rawHeaders, body } = await call.response;
      const whole = await body.whole(limits.bodyBytes, signal);
      return { status, rawHeaders, body: whole?.toString() };
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      call.end();
    }
  } catch (error) {
    throw toolFailure(error, server);
  }
}

class ResponseTimeout extends Error {
  override readonly name = 'ResponseTimeout';
  readonly code = 'ETIMEDOUT';
}
