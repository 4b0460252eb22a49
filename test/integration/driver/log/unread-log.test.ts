import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { KubeletClient } from '../../../support/driver/kubelet-client.js';
import { NodeSandbox } from '../../../support/driver/node-sandbox.js';
import { eventually } from '../../../support/poll.js';
import { memoryOf } from '../../../support/process-state.js';

const main = path.join(import.meta.dirname, '../../../../dist/main.js');

/** What a container runtime or a supervisor gives a process as its standard error. */
const kinds = ['pipe', 'socket'] as const;
/** Their lines exceed what the kernel and the driver keep of an unread log. */
const calls = 4_000;

for (const kind of kinds) {
  describe(`a driver whose log goes to a ${kind} that nobody reads`, () => {
    let node: NodeSandbox;
    let driver: ChildProcess;
    let reader: Readable;
    let kubelet: KubeletClient;
    beforeEach(async () => {
      node = new NodeSandbox();
      [driver, reader] = kind === 'pipe' ? withPipe(node) : withSocket(node);
      const client = new KubeletClient(node.socketPath);
      await client.untilReady();
      kubelet = new KubeletClient(node.socketPath, { shared: true });
    });
    afterEach(() => {
      kubelet.close();
      driver.kill('SIGKILL');
      reader.destroy();
      node.remove();
    });

    const makeCalls = async (): Promise<void> => {
      for (let made = 0; made < calls; made += 20)
        await Promise.all(Array.from({ length: 20 }, () => kubelet.nodeCapabilities()));
    };

    it('goes on with its calls, does not grow, and ends when it is told to', async () => {
      await makeCalls();
      assert.ok(memoryOf(driver.pid!).nowBytes < 150e6);
      driver.kill('SIGTERM');
      const [status, signal] = (await once(driver, 'exit')) as [number | null, string | null];
      assert.deepEqual([status, signal], [0, null]);
    });

    it('says how many lines are missing once somebody reads again, and tears none apart', async () => {
      await makeCalls();
      let text = '';
      reader.setEncoding('utf8').on('data', (more: string) => (text += more));
      const lines = (): { msg: string; count?: number; rpc?: string }[] =>
        text
          .split('\n')
          .slice(0, -1)
          .map((line) => JSON.parse(line) as { msg: string; count?: number; rpc?: string });
      const told = () => lines().filter(({ msg }) => msg === 'Dropped log lines because the reader was blocked');
      await eventually('it is told', () => told().length > 0, 30_000);
      await kubelet.pluginInfo();
      await eventually('the log goes on', () => lines().at(-1)?.rpc === 'GetPluginInfo');
      const missing = told().reduce((sum, { count = 0 }) => sum + count, 0);
      assert.ok(missing > 0);
      const seen = lines().filter(({ rpc }) => rpc === 'NodeGetCapabilities').length;
      assert.equal(missing + seen, calls);
      assert.equal(told().length, 1);
    });
  });
}

describe('a command whose standard error nobody reads', () => {
  it('ends although it has more to say than fits', async () => {
    const { file, descriptor } = fullPipe();
    const child = spawn(process.execPath, [main, 'serve', '--no-such-flag'], {
      stdio: ['ignore', 'ignore', descriptor],
    });
    const [status] = (await once(child, 'exit')) as [number | null];
    assert.equal(status, 2);
    fs.closeSync(descriptor);
    fs.rmSync(path.dirname(file), { recursive: true });
  });
});

/** A named pipe as container runtimes use it, with a reader that does not read yet. */
function newPipe(): { file: string; reading: number; writing: number } {
  const folder = fs.mkdtempSync(path.join(tmpdir(), 'log-'));
  const file = path.join(folder, 'stderr');
  execFileSync('mkfifo', [file]);
  const reading = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  return { file, reading, writing: fs.openSync(file, 'w') };
}

function fullPipe(): { file: string; descriptor: number } {
  const { file } = newPipe();
  const descriptor = fs.openSync(file, fs.constants.O_RDWR | fs.constants.O_NONBLOCK);
  try {
    for (;;) fs.writeSync(descriptor, Buffer.alloc(4096));
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'EAGAIN');
  }
  fs.closeSync(descriptor);
  return { file, descriptor: fs.openSync(file, 'w') };
}

function withPipe(node: NodeSandbox): [ChildProcess, Readable] {
  const { reading, writing } = newPipe();
  const child = spawnDriver(node, writing);
  fs.closeSync(writing);
  return [child, new net.Socket({ fd: reading, readable: true, writable: false })];
}

function withSocket(node: NodeSandbox): [ChildProcess, Readable] {
  const child = spawnDriver(node, 'pipe');
  return [child, child.stderr!];
}

function spawnDriver(node: NodeSandbox, stderr: number | 'pipe'): ChildProcess {
  return spawn(process.execPath, [main, 'serve', ...node.flags, '--log-level', 'debug'], {
    stdio: ['ignore', 'ignore', stderr],
  });
}
