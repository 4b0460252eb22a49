import type { Socket } from 'node:net';
import type { TokenBucket } from '../../limits/token-bucket.js';
import { GatheredStream } from './gathered-stream.js';
import type { IdleTimeoutMonitor } from './idle-timeout-monitor.js';

export interface TunnelParts {
  readonly client: { readonly chunkRate: TokenBucket };
  readonly watch: IdleTimeoutMonitor;
  readonly timings: { readonly idleMs: number };
}

/**
 * Lets bytes through between two connections, both ways and with back-pressure, until both are closed. Either side may
 * end first and go on reading; what breaks on one side breaks the other.
 */
export async function joinConnections(client: Socket, tool: Socket, parts: TunnelParts): Promise<void> {
  const { watch, timings } = parts;
  const { chunkRate } = parts.client;
  const stopWatching = watch.add({
    // What one side sends after the other has closed is lost, and does not count.
    movedBytes: () => client.bytesWritten + tool.bytesWritten,
    idleTimeoutMs: () => timings.idleMs,
    onStalled: () => {
      client.destroy();
      tool.destroy();
    },
  });
  const closed = Promise.all([untilClosed(client), untilClosed(tool)]);
  follow(client, tool);
  follow(tool, client);
  new GatheredStream(client, chunkRate).pipeTo(tool, () => void tool.end());
  new GatheredStream(tool, chunkRate).pipeTo(client, () => void client.end());
  await closed;
  stopWatching();
}

/** Closes the other side once one has closed: after everything has been sent to it, unless the one broke off. */
function follow(gone: Socket, other: Socket): void {
  const leave = (): void => {
    // Without an end before it, it broke off.
    if (!gone.readableEnded || other.writableFinished) other.destroy();
    else other.once('finish', () => other.destroy());
  };
  if (gone.closed) leave();
  else gone.once('close', leave);
}

function untilClosed(stream: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (stream.closed) resolve();
    else stream.once('close', () => resolve());
  });
}
