import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DriverProcess } from '../../support/driver/driver-process.ts';
import { NodeSandbox } from '../../support/driver/node-sandbox.ts';
import { KubeApi } from '../../support/kube-api/kube-api.ts';
import { eventually } from '../../support/poll.ts';

const main = path.join(import.meta.dirname, '..', '..', '..', 'dist', 'main.js');

/** prlimit(1), which allows core dumps in the program that it becomes. */
const allowingCoreDumps = ['prlimit', '--core=unlimited'];

/** setpriv(1), which gives the program that it becomes no capability, as deploy/proxy does. */
const withoutCapabilities = ['setpriv', '--bounding-set', '-all', '--inh-caps', '-all'];

/** A built program that serves. */
interface Served {
  readonly pid: number;
  readonly exited: Promise<unknown>;
  readonly log: () => string;
  readonly stop: () => Promise<void>;
}

async function serveDriver(through: readonly string[]): Promise<Served> {
  const node = new NodeSandbox();
  const driver = new DriverProcess(node, [], {}, through);
  const stop = async (): Promise<void> => {
    driver.kill();
    await driver.exited;
    node.remove();
  };
  await eventually('it serves', () => driver.stderr.includes('"Started"')).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return { pid: driver.pid, exited: driver.exited, log: () => driver.stderr, stop };
}

async function serveProxy(through: readonly string[]): Promise<Served> {
  const directory = mkdtempSync(path.join(tmpdir(), 'connectors-proxy-'));
  const kubeconfig = path.join(directory, 'kubeconfig');
  const api = await KubeApi.start();
  api.writeKubeconfig(kubeconfig, { name: 'proxy' });
  const [program = '', ...words] = [
    ...through,
    ...withoutCapabilities,
    ...[process.execPath, main, 'proxy', '--kubeconfig', kubeconfig, '--write-status=false'],
    ...['--proxy-address', '127.0.0.1:0', '--http-address', '', '--shutdown-delay', '0s'],
  ];
  const child: ChildProcess = spawn(program, words, { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (log += text));
  const exited = once(child, 'close');
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
    await api.stop();
    rmSync(directory, { recursive: true });
  };
  await eventually('it serves', () => log.includes('"Started"')).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return { pid: child.pid ?? 0, exited, log: () => log, stop };
}

for (const [command, serve] of Object.entries({ serve: serveDriver, proxy: serveProxy })) {
  describe(`the process of \`${command}\``, () => {
    let served: Served;
    before(async function () {
      if (spawnSync(allowingCoreDumps[0] ?? '', [...allowingCoreDumps.slice(1), 'true']).status !== 0) this.skip();
      served = await serve(allowingCoreDumps);
    });
    after(() => served.stop());

    it('leaves no core dump, whose memory would hold credentials', async () => {
      const limits = readFileSync(`/proc/${served.pid}/limits`, 'utf8');
      assert.match(limits, /^Max core file size +0 +0 +bytes/m);
      // Whether it can be dumped decides also who may look into it: not root without CAP_SYS_PTRACE.
      const without = ['--bounding-set', '-sys_ptrace', '--inh-caps', '-sys_ptrace'];
      const looks = (pid: number | undefined): boolean =>
        spawnSync('setpriv', [...without, 'readlink', `/proc/${pid ?? 0}/exe`]).status === 0;
      const [program, ...words] = [...withoutCapabilities, 'sleep', 'infinity'];
      const another = spawn(program, words);
      try {
        await eventually('another process can be looked into', () => looks(another.pid));
      } finally {
        another.kill();
      }
      assert.equal(looks(served.pid), false);
    });

    it('opens no inspector when it is sent SIGUSR1', async () => {
      const caught = (): boolean => served.log().includes('Debugger listening');
      for (let time = 0; time < 3; time += 1) process.kill(served.pid, 'SIGUSR1');
      // It takes signals in the order of their numbers, and says of this one that it has got it.
      process.kill(served.pid, 'SIGTERM');
      await eventually('it has got the signals', () => served.log().includes('"Stopping"'));
      assert.equal(caught(), false);
      await served.exited;
      assert.equal(caught(), false);
    });
  });
}
