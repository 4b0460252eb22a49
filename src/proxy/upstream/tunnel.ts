import type { Duplex } from 'node:stream';
import type { Socket } from 'node:net';
import type { ClientLoad } from './client-load.js';
import { tellWhenBlocked } from './client-load.js';
import type { StallWatch } from './stall-watch.js';

export interface TunnelParts {
  readonly watch: StallWatch;
  readonly load: ClientLoad;
  readonly timings: { readonly idleMs: number };
}

/**
 * Lets bytes through between two connections, both ways and with back-pressure, until both are closed. Either side may
 * end first and go on reading; what breaks on one side breaks the other.
 */
export async function joinConnections(
  client: Socket,
  tool: Socket,
  { watch, load, timings }: TunnelParts,
): Promise<void> {
  const stopWatching = watch.add({
    movedBytes: () => client.bytesRead + client.bytesWritten + tool.bytesRead + tool.bytesWritten,
    patienceMs: () => timings.idleMs,
    onStalled: () => client.destroy(),
  });
  const closed = Promise.all([untilClosed(client), untilClosed(tool)]);
  follow(client, tool);
  follow(tool, client);
  tellWhenBlocked(client, client, load);
  tellWhenBlocked(tool, client, load);
  client.pipe(tool);
  tool.pipe(client);
  await closed;
  stopWatching();
}

function follow(gone: Duplex, other: Duplex): void {
  gone.on('error', () => other.destroy());
  gone.once('close', () => {
    // Without an end before it, it broke off.
    if (gone.readableEnded) other.end();
    else other.destroy();
  });
}

function untilClosed(stream: Duplex): Promise<void> {
  return new Promise((resolve) => {
    if (stream.closed) resolve();
    else stream.once('close', () => resolve());
  });
}
