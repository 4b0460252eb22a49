import type { ToolCall, ToolResponse } from './tool-call.js';

/** Methods whose request can be repeated even if the first one can have arrived (RFC 9110, 9.2.2). */
const idempotent: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

export function isIdempotent(method: string): boolean {
  return idempotent.has(method);
}

/**
 * Sends a request, once more if it gets no valid response on a kept connection: the tool can have closed it meanwhile.
 * @param send sends the request as a new call, which the caller ends.
 * @param isRepeatable whether the request can be sent again, after the failure.
 */
export async function sendWithRetry(send: () => ToolCall, isRepeatable: () => boolean): Promise<ToolResponse> {
  const call = send();
  try {
    return await call.response;
  } catch (error) {
    if (!call.isReused || !isRepeatable()) throw error;
    call.end();
    return send().response;
  }
}
