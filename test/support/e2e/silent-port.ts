import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';

const listener = `require('node:net').createServer().listen(
  { host: process.argv[1], port: Number(process.argv[2]), backlog: 1 }, () => console.log('listening'))`;

/** So many connections fill the queue of a listener that takes none: Linux keeps one more than it is asked to. */
const fillers = 3;

/**
 * A port to which packets are dropped in silence, as kube-proxy drops them for a port that a Service does not list: a
 * listener that is stopped, with a full queue.
 */
export class SilentPort {
  readonly #process: ChildProcess;
  readonly #sockets: readonly Socket[];

  private constructor(process: ChildProcess, sockets: readonly Socket[]) {
    this.#process = process;
    this.#sockets = sockets;
  }

  static async start(address: string, port: number): Promise<SilentPort> {
    const child = spawn(process.execPath, ['-e', listener, address, String(port)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    child.kill('SIGSTOP');
    const sockets = Array.from({ length: fillers }, () => connect(port, address).on('error', () => undefined));
    const [first] = sockets;
    if (first?.connecting === true) await once(first, 'connect');
    return new SilentPort(child, sockets);
  }

  stop(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#process.kill('SIGKILL');
  }
}
