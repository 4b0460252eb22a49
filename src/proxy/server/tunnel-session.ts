import type { Socket } from 'node:net';
import type { NamedHost } from '../credential/connector-match.js';
import type { AuthenticatedRequest } from './authenticated-request.js';

/** Longer would be a timer that goes off at once. */
const maxTimerMs = 24 * 3_600_000;

/**
 * A tunnel whose requests the proxy sees. It keeps the credentials of its CONNECT; once they are over, what is under way
 * ends in peace and the tunnel is closed.
 */
export class TunnelSession {
  readonly authenticated: AuthenticatedRequest;
  readonly named: NamedHost;
  readonly #socket: Socket;
  readonly #timer: NodeJS.Timeout;
  #underWay = 0;
  #isOver = false;

  /** @param leftMs until the token expires. */
  constructor(authenticated: AuthenticatedRequest, named: NamedHost, socket: Socket, leftMs: number) {
    this.authenticated = authenticated;
    this.named = named;
    this.#socket = socket;
    this.#timer = setTimeout(() => this.end(), Math.min(Math.max(leftMs, 0), maxTimerMs));
    socket.once('close', () => clearTimeout(this.#timer));
  }

  /** Nothing more is to be served. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** @returns to be called when the exchange is over. */
  begin(): () => void {
    this.#underWay += 1;
    return () => {
      this.#underWay -= 1;
      if (this.#isOver && this.#underWay === 0) this.#socket.destroySoon();
    };
  }

  end(): void {
    this.#isOver = true;
    if (this.#underWay === 0) this.#socket.destroySoon();
  }
}
