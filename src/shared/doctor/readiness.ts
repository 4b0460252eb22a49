import type { ListenAddress } from '../process/listen.js';
import type { CheckResult } from './check-result.js';
import { fail, ok, reasonOf } from './check-result.js';

const check = 'readiness';

/**
 * Reports the readiness of the program in doctor's container, by /readyz: only its own process knows.
 * @param task what a ready program can do, a verb.
 */
export async function checkReadiness(
  address: ListenAddress | undefined,
  program: 'driver' | 'proxy',
  task: string,
): Promise<CheckResult> {
  if (address === undefined) return ok(check, 'not asked: --http-address is empty');
  try {
    const { status, text } = await askHealthPort(address, '/readyz');
    if (status === 200) return ok(check, `the ${program} can ${task}`);
    const fix = `the lines that fail here and the log of the ${program} say why`;
    return fail(check, `the ${program} cannot ${task}: ${text.trim()}`, fix);
  } catch (error) {
    return fail(check, reasonOf(error), `is the ${program} running, with this --http-address?`);
  }
}

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
export async function askHealthPort(address: ListenAddress, path: '/readyz' | '/ca.crt'): Promise<HealthResponse> {
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
