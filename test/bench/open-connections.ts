/**
 * What clients that leave their connections open cost the driver: `npm run build && ulimit -n 20000 && unshare --mount
 * --propagation private node --import tsx test/bench/open-connections.ts [CONNECTIONS] [KINDS_TO_SKIP]`. Prints megabytes resident, and how
 * long a first publish takes meanwhile.
 */
import net from 'node:net';
import { DriverProcess } from '../support/driver/driver-process.js';
import { NodeSandbox } from '../support/driver/node-sandbox.js';
import { callHeaders, clientPreface } from '../support/http2-frames.js';
import { eventually } from '../support/poll.js';
import { descriptorsOf, memoryOf } from '../support/process-state.js';

const [count = 4096, skipped = 0] = process.argv.slice(2).map(Number);
const halfACall = callHeaders(1, '/csi.v1.Node/NodePublishVolume');
const said: Readonly<Record<string, Buffer>> = {
  nothing: Buffer.alloc(0),
  'the preface': clientPreface,
  'half a call': Buffer.concat([clientPreface, halfACall]),
  '32 half calls': Buffer.concat([
    clientPreface,
    ...Array.from({ length: 32 }, (_, index) => callHeaders(2 * index + 1, '/csi.v1.Node/NodePublishVolume')),
  ]),
};

for (const [what, bytes] of Object.entries(said).slice(skipped)) console.log(`${what}: ${await measure(bytes)}`);

async function measure(bytes: Buffer): Promise<string> {
  const node = new NodeSandbox();
  const driver = await DriverProcess.start(node, ['--log-level', 'warn']);
  const restBytes = memoryOf(driver.pid).nowBytes;
  const clients: net.Socket[] = [];
  const isOpen = (): boolean => (descriptorsOf(driver.pid)['socket'] ?? 0) >= clients.length;
  while (clients.length < count) {
    const client = net.connect(node.socketPath).on('error', () => undefined);
    client.resume().write(bytes);
    clients.push(client);
    if (clients.length % 64 === 0) await eventually('the connections are open', isOpen);
  }
  await eventually('the connections are open', isOpen);
  const volume = node.volume();
  const startMs = performance.now();
  await driver.kubelet.publish(volume.publishRequest());
  const publishMs = performance.now() - startMs;
  const { nowBytes, peakBytes } = memoryOf(driver.pid);
  for (const client of clients) client.destroy();
  await driver.killed();
  node.remove();
  const [rest, now, peak] = [restBytes, nowBytes, peakBytes].map((figure) => Math.round(figure / 2 ** 20));
  return `${rest} MiB before, ${now} with ${count} connections, ${peak} at most; a first publish ${publishMs.toFixed(0)} ms`;
}
