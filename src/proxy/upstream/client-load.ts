import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';

/** Told of a client whose buffers are full, since one side does not take what the other sends. */
export interface ClientLoad {
  /** Bytes have to wait from now on. @returns to be called when they go on, or no longer count. */
  blocked(client: Socket): () => void;
}

/**
 * Tells for as long as a stream is held up.
 * @param client whose bytes they are, or who does not take them.
 */
export function tellWhenBlocked(stream: Readable, client: Socket, load: ClientLoad): void {
  let flow: (() => void) | undefined;
  const goOn = (): void => {
    flow?.();
    flow = undefined;
  };
  stream.on('pause', () => (flow ??= load.blocked(client)));
  stream.on('resume', goOn).once('close', goOn);
}
