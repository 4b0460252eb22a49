import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../shared/clock.ts';
import type { ToolOrigin } from '../tool/tool-origin.ts';
import { proxyLimits } from '../limits.ts';
import type { ToolCredential } from '../tool/tool-credential.ts';
import type { AuthenticatedClient } from './authenticated-client.ts';

/** Longest delay of a timer of Node, some 24 days. */
const longestDelayMs = 2 ** 31 - 1;

/**
 * A tunnel with TLS termination, and the credentials of its CONNECT. When they expire or access is revoked, requests in
 * flight complete, and then the tunnel is closed.
 */
export class TunnelSession {
  readonly authenticated: AuthenticatedClient;
  readonly named: ToolOrigin;
  readonly #socket: Socket;
  readonly #timer: NodeJS.Timeout;
  #inFlight = 0;
  #isOver = false;

  /** @param leftMs milliseconds until the token expires. */
  constructor(authenticated: AuthenticatedClient, named: ToolOrigin, socket: Socket, leftMs: number) {
    this.authenticated = authenticated;
    this.named = named;
    this.#socket = socket;
    this.#timer = setTimeout(() => this.end(), Math.min(leftMs, longestDelayMs));
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

/** Closes a connection 5 minutes after its token has expired. @param expiresAtMs milliseconds since the epoch. */
export function closeAtExpiry(connection: Duplex, expiresAtMs: number, clock: Clock): void {
  const leftMs = expiresAtMs + proxyLimits.tunnelGraceMs - clock.now();
  const timer = setTimeout(() => connection.destroy(), Math.min(leftMs, longestDelayMs));
  connection.once('close', () => clearTimeout(timer));
}

/** Closes a connection once the Secret of its credential has changed. A Secret that cannot be read changes nothing. */
export function closeWhenReplaced(connection: Duplex, credential: ToolCredential): void {
  if (credential.isCurrent === undefined) return;
  const closed = new AbortController();
  const check = async (): Promise<void> => {
    const isCurrent = await credential.isCurrent?.(closed.signal).catch(() => true);
    if (isCurrent === false) connection.destroy();
  };
  const timer = setInterval(() => void check(), proxyLimits.secrets.ttlMs);
  connection.once('close', () => {
    clearInterval(timer);
    closed.abort();
  });
}
