import type { Socket } from 'node:net';

/** How many connections may have been let in whose first call has not come yet. */
export interface TurnLimits {
  /** As long as there are fewer, one that has just come is let in. */
  readonly fresh: number;
  /** As long as there are fewer, one that has waited is: less, so that what the others bring next finds room. */
  readonly waiting: number;
  /** Milliseconds after which one without a call counts no more, and one that has not said anything. */
  readonly silentMs: number;
  readonly muteMs: number;
}

/**
 * Lets new connections in: those that have just come, and some of those for which there was no room when they came, the
 * newest and the oldest by turns. Whose call a connection brings is not known before it is read, which is most of what a call costs; and the
 * kubelet makes three connections for each volume, for all volumes of a pod at once. In the order of their coming,
 * whoever calls next would wait for all of them; so he waits for a few, and those of the crowd for their like.
 *
 * What a call does must not depend on the order in which connections are read: see LateCalls.
 */
export class ConnectionTurns {
  readonly #limits: TurnLimits;
  readonly #letIn: (connection: Socket) => void;
  readonly #now: () => number;
  /** Come since the last turn. */
  readonly #fresh: Socket[] = [];
  readonly #waiting: Socket[] = [];
  /** Let in and silent so far, with the times when they were let in. */
  readonly #silent = new Map<Socket, number>();
  #isOldestNext = true;
  #next: NodeJS.Immediate | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param now a clock in milliseconds that is never set. */
  constructor(limits: TurnLimits, letIn: (connection: Socket) => void, now: () => number) {
    this.#limits = limits;
    this.#letIn = letIn;
    this.#now = now;
  }

  /** @param connection nothing has been read from it yet. */
  add(connection: Socket): void {
    this.#fresh.push(connection);
    this.#schedule();
  }

  /** Its first call has come, or it has gone. */
  isDone(connection: Socket): void {
    if (this.#silent.delete(connection) && this.#waiting.length > 0) this.#schedule();
  }

  /** Ends those that wait. */
  stop(): void {
    clearImmediate(this.#next);
    clearTimeout(this.#timer);
    for (const connection of [...this.#fresh.splice(0), ...this.#waiting.splice(0)]) connection.destroy();
  }

  /** Once all that have come in this turn of the event loop are known. */
  #schedule(): void {
    this.#next ??= setImmediate(() => {
      this.#next = undefined;
      this.#turn();
    });
  }

  #turn(): void {
    clearTimeout(this.#timer);
    const { fresh, waiting, muteMs } = this.#limits;
    const nowMs = this.#now();
    this.#forgetSilent(nowMs);
    while (this.#silent.size < fresh && this.#fresh.length > 0) this.#letInNow(this.#fresh.shift(), nowMs);
    this.#waiting.push(...this.#fresh.splice(0));
    while (this.#silent.size < waiting && this.#waiting.length > 0) {
      this.#letInNow(this.#isOldestNext ? this.#waiting.shift() : this.#waiting.pop(), nowMs);
      this.#isOldestNext = !this.#isOldestNext;
    }
    if (this.#waiting.length > 0) this.#timer = setTimeout(() => this.#schedule(), muteMs);
  }

  #letInNow(connection: Socket | undefined, nowMs: number): void {
    if (connection === undefined || connection.destroyed) return;
    this.#silent.set(connection, nowMs);
    this.#letIn(connection);
    // Begins to read, without a flow of its own: what comes is for who has been given the connection.
    connection.read(0);
  }

  #forgetSilent(nowMs: number): void {
    const { silentMs, muteMs } = this.#limits;
    for (const [connection, letInMs] of this.#silent) {
      const ageMs = nowMs - letInMs;
      if (ageMs < muteMs) return;
      // A client of gRPC speaks as soon as it has connected; who does not, costs nothing.
      if (ageMs >= silentMs || connection.bytesRead === 0) this.#silent.delete(connection);
    }
  }
}
