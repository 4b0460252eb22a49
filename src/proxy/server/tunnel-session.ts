import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../shared/clock.js';
import type { NamedHost } from '../connectors/connector-match.js';
import { proxyLimits } from '../limits.js';
import type { AuthenticatedClient } from './authenticated-client.js';

/** Longest lifetime of a tunnel. Node fires timers of more than 24.8 days at once. */
const longestLifeMs = 24 * 3_600_000;
/** Interval in which the expiry of a connection is compared with the clock, which can change. */
const checkMs = 60_000;

/**
 * A tunnel with TLS termination, and the credentials of its CONNECT. When they expire or access is revoked, requests in
 * flight complete, and then the tunnel is closed.
 */
export class TunnelSession {
  readonly authenticated: AuthenticatedClient;
  readonly named: NamedHost;
  readonly #socket: Socket;
  readonly #timer: NodeJS.Timeout;
  #inFlight = 0;
  #isOver = false;

  /** @param leftMs milliseconds until the token expires. */
  constructor(authenticated: AuthenticatedClient, named: NamedHost, socket: Socket, leftMs: number) {
    this.authenticated = authenticated;
    this.named = named;
    this.#socket = socket;
    this.#timer = setTimeout(() => this.end(), Math.min(Math.max(leftMs, 0), longestLifeMs));
    socket.once('close', () => clearTimeout(this.#timer));
  }

  /** Whether no further request must be served. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Counts a request in flight. @returns a function to call when the exchange is complete. */
  begin(): () => void {
    this.#inFlight += 1;
    return () => {
      this.#inFlight -= 1;
      if (this.#isOver && this.#inFlight === 0) this.#socket.destroySoon();
    };
  }

  end(): void {
    this.#isOver = true;
    if (this.#inFlight === 0) this.#socket.destroySoon();
  }
}

/**
 * Closes a connection 5 minutes after its token has expired.
 * @param expiresAtMs milliseconds since the epoch.
 * @returns a function that cancels it.
 */
export function closeAtExpiry(connection: Duplex, expiresAtMs: number, clock: Clock): () => void {
  let timer: NodeJS.Timeout;
  const check = (): void => {
    const leftMs = expiresAtMs + proxyLimits.tunnelGraceMs - clock.now();
    if (leftMs <= 0) connection.destroy();
    else timer = setTimeout(check, Math.min(leftMs, checkMs));
  };
  check();
  return () => clearTimeout(timer);
}
