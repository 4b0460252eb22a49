import assert from 'node:assert/strict';
import net from 'node:net';
import { DriverProcess } from '../../../support/driver/driver-process.js';
import { NodeSandbox } from '../../../support/driver/node-sandbox.js';
import { eventually } from '../../../support/poll.js';
import { memoryOf } from '../../../support/process-state.js';

const request = 'GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n';
const pipelined = request.repeat(Math.ceil((64 << 10) / request.length));
const maxPeakBytes = 150 * 2 ** 20;

const connections = 64;

/** A pod: many connections, each with as much as fits, again and again. */
class Flood {
  answers = 0;
  readonly #port: number;
  readonly #open = new Set<net.Socket>();
  #isOver = false;

  constructor(port: number) {
    this.#port = port;
    for (let count = 0; count < connections; count += 1) this.#connect();
  }

  end(): void {
    this.#isOver = true;
    for (const socket of this.#open) socket.destroy();
  }

  #connect(): void {
    // From another address than the probes, as a pod's is.
    const from = { host: '127.0.0.1', port: this.#port, localAddress: '127.0.0.2' };
    const socket = net.connect(from).on('error', () => undefined);
    this.#open.add(socket);
    let isAnswered = false;
    socket.on('data', () => {
      if (!isAnswered) this.answers += 1;
      isAnswered = true;
    });
    socket.once('close', () => {
      this.#open.delete(socket);
      if (!this.#isOver) this.#connect();
    });
    socket.write(pipelined);
  }
}

describe('a flood of requests for the metrics', () => {
  let node: NodeSandbox;
  let driver: DriverProcess;
  let flood: Flood;
  beforeEach(async () => {
    node = new NodeSandbox();
    driver = await DriverProcess.start(node, ['--http-address', '127.0.0.1:0', '--log-level', 'info']);
    await driver.http('/healthz');
    const port = driver.logLines().find((line) => typeof line['port'] === 'number')?.['port'];
    flood = new Flood(Number(port));
  });
  afterEach(async () => {
    flood.end();
    await driver.stop();
    node.remove();
  });

  it('keeps neither probes nor publishes waiting, and holds little memory', async () => {
    const meanwhile: number[] = [];
    for (let round = 0; round < 40; round += 1) {
      const before = flood.answers;
      await eventually('the flood goes on', () => flood.answers > before);
      const start = flood.answers;
      const volume = node.volume();
      await driver.kubelet.publish(volume.publishRequest());
      assert.ok(volume.isMounted());
      meanwhile.push(flood.answers - start);
      assert.deepEqual(await driver.http('/healthz'), { status: 200, body: 'ok\n' });
      assert.match((await driver.http('/readyz')).body, /^the kubelet has not registered/);
      await driver.kubelet.unpublishVolume(volume);
    }
    const median = meanwhile.sort((a, b) => a - b)[20]!;
    assert.ok(median <= 2 * connections, `${median} answers to the flood during a publish`);
    const { peakBytes } = memoryOf(driver.pid);
    assert.ok(peakBytes < maxPeakBytes, `${peakBytes} bytes`);
    console.log(
      `      ${flood.answers} answers, ${median} during a publish (median), peak ${(peakBytes / 2 ** 20).toFixed(0)} MiB`,
    );
  });
});
