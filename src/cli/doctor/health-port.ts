import type { DriverConfig } from '../../driver/config.js';

/** For one question to a port on this node, in milliseconds. */
const answerTimeoutMs = 5_000;

export interface HealthAnswer {
  readonly url: string;
  readonly status: number;
  readonly text: string;
}

/**
 * Asks the program that runs beside doctor at its own port.
 * @param address `--http-address` of the program.
 * @throws {Error} when nobody answers; `cause` says why.
 */
export async function askHealthPort(
  address: NonNullable<DriverConfig['http-address']>,
  path: '/readyz' | '/ca.crt',
): Promise<HealthAnswer> {
  const host = address.host ?? '127.0.0.1';
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${address.port}${path}`;
  const unanswered = (error: unknown): Error => {
    const { cause = error } = error as { readonly cause?: unknown };
    return new Error(`nobody answers at ${url}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  };
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(answerTimeoutMs) });
    return { url, status: answer.status, text: await answer.text() };
  } catch (error) {
    throw unanswered(error);
  }
}
