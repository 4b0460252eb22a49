import type { HttpAddress } from '../process/flags.js';

/** Timeout of one request to a port on this node, in milliseconds. */
const timeoutMs = 5_000;

export interface HealthResponse {
  readonly url: string;
  readonly status: number;
  readonly text: string;
}

/**
 * Sends a request to the health port of the program in doctor's container.
 * @param address `--http-address` of the program.
 * @throws {Error} if there is no response, with the reason as `cause`.
 */
export async function askHealthPort(address: HttpAddress, path: '/readyz' | '/ca.crt'): Promise<HealthResponse> {
  const host = address.host ?? '127.0.0.1';
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${address.port}${path}`;
  const noResponse = (error: unknown): Error => {
    const { cause = error } = error as { readonly cause?: unknown };
    return new Error(`no response from ${url}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  };
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
    return { url, status: response.status, text: await response.text() };
  } catch (error) {
    throw noResponse(error);
  }
}
