import type { Duplex } from 'node:stream';
import type { Clock } from '../../shared/clock.js';
import { proxyLimits } from '../limits.js';

const graceMs = proxyLimits.tunnelGraceMs;
/** Longest timer. It is set again until the expiry, so that changes of the clock are honored. */
const maxTimerMs = 60_000;

/**
 * Closes a connection 5 minutes after its token has expired.
 * @param expiresAtMs milliseconds since the epoch.
 * @returns a function that cancels it.
 */
export function closeAtExpiry(connection: Duplex, expiresAtMs: number, clock: Clock): () => void {
  let timer: NodeJS.Timeout;
  const check = (): void => {
    const leftMs = expiresAtMs + graceMs - clock.now();
    if (leftMs <= 0) connection.destroy();
    else timer = setTimeout(check, Math.min(leftMs, maxTimerMs));
  };
  check();
  return () => clearTimeout(timer);
}
