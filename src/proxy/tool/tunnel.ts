import type { Socket } from 'node:net';
import { coalesce } from './coalesce.ts';
import type { ChunkShare } from './coalescing-stream.ts';
import { watchIdle } from './idle-timeout.ts';

interface TunnelParts {
  readonly timings: { readonly idleMs: number };
  readonly monotonicNow: () => number;
}

/**
 * Forwards bytes between two connections in both directions, with backpressure, until both are closed. Each side can
 * end first and continue to read. An error on one side closes the other.
 */
export async function joinConnections(
  client: Socket,
  tool: Socket,
  { timings, monotonicNow }: TunnelParts,
  chunkShare: ChunkShare,
): Promise<void> {
  const transfer = {
    // Only written bytes count: after the other side has closed, received bytes are lost.
    movedBytes: () => client.bytesWritten + tool.bytesWritten,
    idleTimeoutMs: () => timings.idleMs,
    onStalled: () => {
      client.destroy();
      tool.destroy();
    },
  };
  const stopWatching = watchIdle(transfer, monotonicNow);
  const closed = Promise.all([untilClosed(client), untilClosed(tool)]);
  follow(client, tool);
  follow(tool, client);
  coalesce(client, chunkShare).pipeTo(tool, () => void tool.end());
  coalesce(tool, chunkShare).pipeTo(client, () => void client.end());
  await closed;
  stopWatching();
}

/** Closes the other side after one has closed: after all bytes are sent, or at once if the first was aborted. */
function follow(gone: Socket, other: Socket): void {
  const closeOther = (): void => {
    // A close without an end is an abort.
    if (!gone.readableEnded || other.writableFinished) other.destroy();
    else other.once('finish', () => other.destroy());
  };
  if (gone.closed) closeOther();
  else gone.once('close', closeOther);
}

function untilClosed(stream: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (stream.closed) resolve();
    else stream.once('close', () => resolve());
  });
}
