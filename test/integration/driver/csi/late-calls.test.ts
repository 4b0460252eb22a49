import assert from 'node:assert/strict';
import net from 'node:net';
import { InProcessDriver } from '../../../support/driver/in-process-driver.js';
import { NodeSandbox } from '../../../support/driver/node-sandbox.js';
import type { TestVolume } from '../../../support/driver/test-volume.js';
import { messagesOf } from '../../../support/fuzz/publish-messages.js';
import { callHeaders, callMessage, clientPreface } from '../../../support/http2-frames.js';
import { eventually } from '../../../support/poll.js';

describe('a publish on a connection that was made before that of the unpublish', () => {
  let node: NodeSandbox;
  let driver: InProcessDriver;
  let volume: TestVolume;
  let early: net.Socket;
  beforeEach(async () => {
    node = new NodeSandbox();
    volume = node.volume();
    driver = await InProcessDriver.start(node);
    early = net.connect(node.socketPath);
    early.write(clientPreface);
    const settings = new Promise((resolve) => early.once('data', resolve));
    await settings;
    await driver.kubelet.unpublishVolume(volume);
  });
  afterEach(async () => {
    early.destroy();
    await driver.stop();
    node.remove();
  });

  const publish = (stream: number, each: TestVolume): Buffer =>
    Buffer.concat([
      callHeaders(stream, '/csi.v1.Node/NodePublishVolume'),
      callMessage(stream, messagesOf([each.publishRequest()])[0]!),
    ]);

  it('mounts nothing that nobody would unmount any more, but other volumes', async () => {
    const other = node.volume();
    early.write(Buffer.concat([publish(1, volume), publish(3, other)]));
    await eventually('the other one is mounted', () => other.isMounted());
    await eventually('it is told why', () => driver.log.includes('has been unpublished since this call was made'));
    assert.deepEqual(volume.kubeletEntries(), ['vol_data.json']);
  });

  it('does not keep the volume from being published again', async () => {
    await driver.kubelet.publish(volume.publishRequest());
    assert.ok(volume.isMounted());
  });
});
