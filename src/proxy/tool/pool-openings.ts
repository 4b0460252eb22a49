import { BoundedMap } from '../../shared/limits/bounded-map.ts';
import { FairSemaphore } from '../../shared/limits/fair-semaphore.ts';
import { proxyLimits } from '../limits.ts';
import type { LookupOwner } from './resolver.ts';
import { connectionClosed, ToolConnection } from './tool-connection.ts';
import type { Opening } from './tool-connection.ts';
import type { ToolSockets } from './tool-sockets.ts';

const { total, opening: permits, openingWaitMs } = proxyLimits.toolSockets;

/** Waits for a connection as long as the request needs it. */
export type PendingConnection = (isNeeded: () => boolean) => Promise<ToolConnection>;

/**
 * Opens connections, a few of each pool at a time. In a burst most requests then get a connection that a request before
 * them has used, because a handshake takes ten times as long as a request.
 */
export class PoolOpenings {
  readonly #sockets: ToolSockets;
  readonly #waitMs: number;
  readonly #limits = new BoundedMap<FairSemaphore>(total);

  /** @param waitMs see `limits.toolSockets.openingWaitMs`. */
  constructor(sockets: ToolSockets, waitMs: number = openingWaitMs) {
    this.#sockets = sockets;
    this.#waitMs = waitMs;
  }

  /**
   * Returns a new connection, or one that becomes idle before. The pool is of one namespace.
   * @throws the error of `open`.
   */
  async connection(
    pool: string,
    { namespace, holder }: LookupOwner,
    open: () => Opening,
    isNeeded: () => boolean,
  ): Promise<ToolConnection> {
    const limit = this.#limits.get(pool) ?? new FairSemaphore({ permits, unlimited: namespace });
    this.#limits.set(pool, limit, namespace);
    // Long requests of other clients, or a slow tool, must not delay this one.
    const waited = AbortSignal.timeout(this.#waitMs);
    const release = await limit.acquire({ namespace, podUid: holder }, waited).catch(() => () => undefined);
    let isOpening = false;
    try {
      if (!isNeeded()) throw connectionClosed();
      const idle = this.#sockets.takeIdle(pool);
      if (idle !== undefined) return idle;
      const opening = open();
      isOpening = true;
      opening.opened.then(release, release);
      const connection = new ToolConnection(opening, pool);
      connection.onIdle = () => {
        this.#sockets.keep(connection);
        this.#limits.get(pool)?.runNext();
      };
      return connection;
    } finally {
      if (!isOpening) release();
    }
  }
}
