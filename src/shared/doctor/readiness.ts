import type { ListenAddress } from '../process/listen.js';
import type { CheckResult } from './check-result.js';
import { fail, ok, reasonOf } from './check-result.js';

const check = 'readiness';
/** Timeout of the request, in milliseconds. */
const timeoutMs = 5_000;

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
  const host = address.host ?? '127.0.0.1';
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${address.port}/readyz`;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
    const text = await response.text();
    if (response.status === 200) return ok(check, `the ${program} can ${task}`);
    const fix = `the lines that fail here and the log of the ${program} say why`;
    return fail(check, `the ${program} cannot ${task}: ${text.trim()}`, fix);
  } catch (error) {
    const { cause = error } = error as { readonly cause?: unknown };
    const fix = `is the ${program} running, with this --http-address?`;
    return fail(check, `no response from ${url}: ${reasonOf(cause)}`, fix);
  }
}
