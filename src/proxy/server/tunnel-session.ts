import type { Socket } from 'node:net';
import type { NamedHost } from '../connectors/connector-match.js';
import type { AuthenticatedClient } from './authenticated-client.js';

/** Longest lifetime of a tunnel. Node fires timers of more than 24.8 days at once. */
const maxTimerMs = 24 * 3_600_000;

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
    this.#timer = setTimeout(() => this.end(), Math.min(Math.max(leftMs, 0), maxTimerMs));
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
