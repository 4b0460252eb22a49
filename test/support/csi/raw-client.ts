import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import net from 'node:net';
import { clientPreface } from '../http2-frames.ts';

/** A connection to a socket that says only what it is told to, and stays open whatever the server does. */
export async function connectRaw(socketPath: string): Promise<Socket> {
  const socket = net.connect({ path: socketPath, allowHalfOpen: true });
  await once(socket, 'connect');
  return socket.on('error', () => undefined);
}

const program = `
  const socket = require('node:net').connect({ path: process.argv[1], allowHalfOpen: true });
  socket.on('error', () => undefined);
  socket.write(Buffer.from(process.argv[2], 'base64'), () => process.stdout.write('sent'));
  setInterval(() => undefined, 1000);
`;

/** A process that has begun to speak HTTP/2 to a socket and is stopped then. End it with SIGKILL. */
export async function frozenClient(socketPath: string, bytes: Buffer = clientPreface): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['-e', program, '--', socketPath, bytes.toString('base64')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  child.kill('SIGSTOP');
  return child;
}
