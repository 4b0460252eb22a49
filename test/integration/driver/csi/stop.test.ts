import assert from 'node:assert/strict';
import fs from 'node:fs';
import type { Socket } from 'node:net';
import path from 'node:path';
import { driverLimits } from '../../../../src/driver/limits.ts';
import { connectRaw, frozenClient } from '../../../support/csi/raw-client.ts';
import { DriverProcess } from '../../../support/driver/driver-process.ts';
import { assertFails } from '../../../support/driver/kubelet-client.ts';
import { connector } from '../../../support/driver/manifests.ts';
import { NodeSandbox } from '../../../support/driver/node-sandbox.ts';
import { callHeaders, callMessage, clientPreface } from '../../../support/http2-frames.ts';
import { eventually } from '../../../support/poll.ts';
import { started } from '../../../support/started.ts';

const capabilities = '/csi.v1.Node/NodeGetCapabilities';
const whole = Buffer.concat([clientPreface, callHeaders(1, capabilities), callMessage(1, Buffer.alloc(0))]);

/** What a client does and goes on doing while the driver is told to stop. @returns how to be rid of it. */
const clients: Readonly<Record<string, (socketPath: string) => Promise<() => void>>> = {
  'says nothing': async (socketPath) => {
    const socket = await connectRaw(socketPath);
    return () => socket.destroy();
  },
  'has said nothing and closed its side': async (socketPath) => {
    const socket = await connectRaw(socketPath);
    socket.end();
    return () => socket.destroy();
  },
  'has begun a session and never reads': (socketPath) => said(socketPath, clientPreface),
  'has begun half a call': (socketPath) =>
    said(socketPath, Buffer.concat([clientPreface, callHeaders(1, capabilities)])),
  'has begun a call and closed its side': async (socketPath) => {
    const socket = await connectRaw(socketPath);
    socket.end(Buffer.concat([clientPreface, callHeaders(1, capabilities)]));
    return () => socket.destroy();
  },
  'does not fetch its answer': (socketPath) => said(socketPath, whole),
  'was stopped after it had begun a session': async (socketPath) => {
    const child = await frozenClient(socketPath);
    return () => child.kill('SIGKILL');
  },
  'was stopped after it had made a call': async (socketPath) => {
    const child = await frozenClient(socketPath, whole);
    return () => child.kill('SIGKILL');
  },
};

async function said(socketPath: string, bytes: Buffer): Promise<() => void> {
  const socket = await connectRaw(socketPath);
  socket.write(bytes);
  return () => socket.destroy();
}

describe('the end of the driver', () => {
  let node: NodeSandbox;
  let driver: DriverProcess;
  const letGo: (() => void)[] = [];
  beforeEach(async () => {
    node = started(new NodeSandbox());
    driver = await DriverProcess.start(node, ['--not-found-wait', '60s']);
  });
  afterEach(() => {
    for (const release of letGo.splice(0)) release();
    driver.kill();
  });

  for (const [what, begin] of Object.entries(clients)) {
    // Under the drain time: the driver does not wait it out for such a client.
    it(`does not wait for a client that ${what}`, async () => {
      letGo.push(await begin(node.socketPath));
      letGo.push(await begin(path.join(node.registryDir, 'connectors-csi-reg.sock')));
      await driver.kubelet.nodeCapabilities();
      driver.signal('SIGTERM');
      assert.deepEqual(await driver.exited, { status: 0, signal: null });
      assert.deepEqual(fs.readdirSync(node.registryDir), []);
    });
  }

  it('gives a running call its answer though other clients are mute', async () => {
    for (const begin of Object.values(clients)) letGo.push(await begin(node.socketPath));
    const volume = node.volume();
    const waiting = driver.kubelet.publishVolume(volume, { attributes: { connectors: 'absent' } });
    const refused = assertFails(waiting, 'UNAVAILABLE', /^the driver is stopping; the kubelet will retry$/);
    await driver.kubelet.nodeCapabilities();
    driver.signal('SIGTERM');
    await refused;
    assert.deepEqual(await driver.exited, { status: 0, signal: null });
  });
});

describe('connections that clients leave open', () => {
  let node: NodeSandbox;
  let driver: DriverProcess;
  let sockets: Socket[];
  beforeEach(async () => {
    node = started(new NodeSandbox());
    sockets = [];
    driver = started(await DriverProcess.start(node, ['--not-found-wait', '100s']));
  });
  afterEach(() => {
    for (const socket of sockets) socket.destroy();
  });

  it('are limited: one too many is closed, and no call that waits', async () => {
    const volume = node.volume();
    const waiting = driver.kubelet.publishVolume(volume, { attributes: { connectors: 'later' } });
    await driver.kubelet.nodeCapabilities();
    const surplus = 76;
    for (let count = 0; count < driverLimits.csiSocket.connections + surplus; count += 1) {
      const socket = await connectRaw(node.socketPath);
      sockets.push(socket.on('error', () => undefined).resume());
      socket.write(clientPreface);
    }
    const ended = (): number => sockets.filter(({ readableEnded, destroyed }) => readableEnded || destroyed).length;
    // The waiting call has a connection of its own.
    await eventually('the surplus is closed', () => ended() > surplus);
    node.writeManifest('later.json', connector('later'));
    await waiting;
    assert.equal(volume.read()['context.token'], volume.token);
  });

  it('may be seven hundred that come at once, while the driver is slow to accept them', async () => {
    driver.signal('SIGSTOP');
    sockets.push(...(await Promise.all(Array.from({ length: 700 }, () => connectRaw(node.socketPath)))));
    const asked = driver.kubelet.nodeCapabilities();
    driver.signal('SIGCONT');
    await asked;
  });

  it('can begin no more calls than it has a bound for', async () => {
    const socket = await connectRaw(node.socketPath);
    sockets.push(socket);
    let received = Buffer.alloc(0);
    socket.on('data', (bytes: Buffer) => (received = Buffer.concat([received, bytes])));
    const begun = Array.from({ length: 200 }, (_, index) => callHeaders(2 * index + 1, capabilities));
    socket.write(Buffer.concat([clientPreface, ...begun]));
    const refusals = (): number => framesOf(received).filter(({ type }) => type === 3).length;
    await eventually('the rest is refused', () => refusals() === 200 - driverLimits.grpcConnection.streams);
    await driver.kubelet.nodeCapabilities();
  });
});

function framesOf(bytes: Buffer): { readonly type: number }[] {
  const frames: { type: number }[] = [];
  for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3)) frames.push({ type: bytes[at + 3]! });
  return frames;
}
