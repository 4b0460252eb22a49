import type { ChildProcessByStdio } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { constants, setPriority } from 'node:os';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { portOf } from '../proxy-fixture.ts';
import type { AttackCounts, AttackPlan } from './attacks.ts';
import type { BystandPlan, Bystanding } from './bystander.ts';

type Child = ChildProcessByStdio<Writable, Readable, null>;

function run(file: string, ...words: readonly string[]): Child {
  return spawn(process.execPath, [path.join(import.meta.dirname, file), ...words], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
}

/** An attacker in a process of its own. */
export class AttackerProcess {
  readonly #child: Child;
  #output = '';

  private constructor(name: string) {
    this.#child = run('attacker.ts', name);
    this.#child.stdin.on('error', () => undefined);
    this.#child.stdout.setEncoding('utf8').on('data', (chunk: string) => (this.#output += chunk));
  }

  /** Starts an attack, and waits until it is under way. */
  static async start(name: string, plan: AttackPlan): Promise<AttackerProcess> {
    const attacker = new AttackerProcess(name);
    attacker.#child.stdin.write(`${JSON.stringify(plan)}\n`);
    while (!attacker.#output.includes('ready')) {
      const [code] = (await Promise.race([
        once(attacker.#child.stdout, 'data'),
        once(attacker.#child, 'exit').then(([status]) => [`exit ${String(status)}`]),
      ])) as [unknown];
      if (String(code).startsWith('exit')) throw new Error(`the attacker ${name} has ended: ${String(code)}`);
    }
    // A real one is on another node: it takes the proxy's attention, not its processor.
    setPriority(attacker.#child.pid ?? 0, constants.priority.PRIORITY_LOW);
    return attacker;
  }

  /** Ends the attack. @returns what came back. */
  async stop(): Promise<AttackCounts> {
    if (this.#child.exitCode === null) {
      this.#child.stdin.end();
      await once(this.#child, 'close');
    }
    return JSON.parse(this.#output.split('\n')[1] ?? '{}') as AttackCounts;
  }
}

/** Uses the proxy in a process of its own. */
export async function bystand(plan: BystandPlan): Promise<Bystanding> {
  const child = run('bystander.ts');
  child.stdin.end(JSON.stringify(plan));
  return JSON.parse(await text(child.stdout)) as Bystanding;
}

/** Returns a port that is free now. */
export async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = portOf(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}
