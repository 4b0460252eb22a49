import type { ClientRequest, IncomingMessage } from 'node:http';
import { Refusal } from '../refusal.js';
import type { RawHeaders } from './headers.js';
import type { ToolClient, ToolRequest } from './tool-client.js';
import { toolFailure } from './tool-failure.js';

export interface OwnAnswer {
  readonly status: number;
  readonly rawHeaders: RawHeaders;
  /** Undefined if it is longer than the limit. */
  readonly body: string | undefined;
}

export interface OwnRequestLimits {
  readonly bodyBytes: number;
  /** For the connection, the response headers and the body together. */
  readonly timeoutMs: number;
}

/**
 * Sends a request of the proxy's own, without a body, and reads the response. Does not follow redirects.
 * @param server its name in messages.
 * @throws {Refusal} if no response arrives in time, or the server switches protocols without being asked to.
 */
export async function sendOwnRequest(
  client: ToolClient,
  toolRequest: ToolRequest,
  server: string,
  limits: OwnRequestLimits,
  signal: AbortSignal,
): Promise<OwnAnswer> {
  try {
    const request = client.request(toolRequest);
    const stop = (): void => void request.destroy(new ResponseTimeout());
    const timer = setTimeout(stop, limits.timeoutMs);
    signal.addEventListener('abort', stop, { once: true });
    try {
      const response = await responseTo(request, server);
      const body = await textOf(response, limits.bodyBytes);
      return { status: response.statusCode ?? 0, rawHeaders: response.rawHeaders, body };
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
    }
  } catch (error) {
    throw toolFailure(error, server);
  }
}

function responseTo(request: ClientRequest, server: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const switched = (): void => {
      request.destroy();
      reject(new Refusal(502, 'protocol', `${server} switched protocols (101) without being asked to`));
    };
    request.on('error', reject);
    request.once('upgrade', (_response, socket) => {
      socket.destroy();
      switched();
    });
    request.once('response', (response) => {
      response.on('error', () => undefined);
      // Without the header Upgrade it is an ordinary response to Node, whose body has no end.
      if (response.statusCode === 101) switched();
      else resolve(response);
    });
    request.once('close', () => {
      reject(new Refusal(502, 'reset', `${server} closed the connection without a response`));
    });
    request.end();
  });
}

async function textOf(response: IncomingMessage, maxBytes: number): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    bytes += (chunk as Buffer).length;
    // Leaving the loop destroys the response and its connection.
    if (bytes > maxBytes) return undefined;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString();
}

class ResponseTimeout extends Error {
  override readonly name = 'ResponseTimeout';
  readonly code = 'ETIMEDOUT';
}
