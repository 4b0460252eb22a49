import type { Server } from 'node:net';
import { Socket, createServer } from 'node:net';

/** Takes a connection that waits at a listening socket: its descriptor, or a negative number when there is none. */
export type Accept = (listenerFd: number) => number;

/**
 * A server of which all connections that wait are told at once, in the order of their coming. Node takes one each time that
 * its event loop comes round: of hundreds that are made together the last would be known, and heard, hundreds of turns later.
 * Nothing is read from a connection before its `read` is called.
 * @param atOnce connections that are told of before the event loop goes on.
 */
export function burstListener(accept: Accept, atOnce: number, onConnection: (connection: Socket) => void): Server {
  const server = createServer({ pauseOnConnect: true }, (first) => {
    onConnection(first);
    const listenerFd = descriptorOf(server);
    if (listenerFd === undefined) return;
    for (let more = 1; more < atOnce; more += 1) {
      const fd = accept(listenerFd);
      if (fd < 0) return;
      const options = { fd, readable: true, writable: true, pauseOnCreate: true };
      onConnection(new Socket(options));
    }
  });
  return server;
}

/** Undefined where this version of Node keeps it elsewhere: then it is one connection at a time. */
function descriptorOf(server: Server): number | undefined {
  const handle: unknown = Reflect.get(server, '_handle');
  if (typeof handle !== 'object' || handle === null) return undefined;
  const fd: unknown = Reflect.get(handle, 'fd');
  return typeof fd === 'number' && fd >= 0 ? fd : undefined;
}
