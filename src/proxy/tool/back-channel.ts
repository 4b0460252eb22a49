import { ProxyError } from '../proxy-error.ts';
import type { RawHeaders } from './headers.ts';
import { sendWithRetry } from './tool-exchange.ts';
import type { OutgoingBody } from './request-body.ts';
import type { ToolExchange, ToolRequest } from './tool-exchange.ts';
import type { ToolClient } from './tool-client.ts';
import { toolFailure } from './tool-failure.ts';

export interface BackChannelResponse {
  readonly status: number;
  readonly rawHeaders: RawHeaders;
  /** The body; undefined if it is not read, or exceeds the limit. */
  readonly body: string | undefined;
}

interface BackChannelLimits {
  /** 0: the body is not read. */
  readonly bodyBytes: number;
  /** Limit of the time for connecting, response headers and body together. */
  readonly timeoutMs: number;
}

/**
 * Sends a request of the proxy itself, and reads the response. Redirects are not followed. A request that a kept
 * connection has lost is sent again, also a POST: at worst, one more token is issued or probe made, or an upload that is
 * not continued.
 * @param server its name in messages.
 * @param content the body; undefined for a request without one.
 * @throws {ProxyError} if no response arrives in time, or the server switches protocols without a request to do so.
 */
export async function sendInBackChannel(
  client: ToolClient,
  toolRequest: ToolRequest,
  server: string,
  limits: BackChannelLimits,
  signal: AbortSignal,
  content?: string,
): Promise<BackChannelResponse> {
  const tooLate = new ProxyError(504, 'timeout', `no whole response of ${server} in time`);
  if (signal.aborted) throw tooLate;
  const bytes = content === undefined ? undefined : Buffer.from(content);
  const request = bytes === undefined ? toolRequest : withLength(toolRequest, bytes);
  const body: OutgoingBody = { pull: () => bytes, send: (sent) => void sent.end(bytes) };
  let call: ToolExchange | undefined;
  const send = (): ToolExchange => (call = client.send(request, body));
  const ending = new AbortController();
  const stop = (): void => {
    ending.abort();
    call?.destroy(tooLate);
  };
  const timer = setTimeout(stop, limits.timeoutMs);
  signal.addEventListener('abort', stop, { once: true });
  try {
    const { status, rawHeaders, body: received } = await sendWithRetry(send, () => !ending.signal.aborted);
    const whole = limits.bodyBytes > 0 ? await received.whole(limits.bodyBytes, ending.signal) : undefined;
    return { status, rawHeaders, body: whole?.toString() };
  } catch (error) {
    throw ending.signal.aborted ? tooLate : toolFailure(error, server);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
    call?.end();
  }
}

function withLength(toolRequest: ToolRequest, { length }: Buffer): ToolRequest {
  return { ...toolRequest, headers: [...toolRequest.headers, 'Content-Length', String(length)] };
}
