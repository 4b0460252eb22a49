import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { DriverProcess } from '../../../support/driver/driver-process.ts';
import { InProcessDriver } from '../../../support/driver/in-process-driver.ts';
import { connector } from '../../../support/driver/manifests.ts';
import { NodeSandbox } from '../../../support/driver/node-sandbox.ts';
import { eventually } from '../../../support/poll.ts';
import { started } from '../../../support/started.ts';

describe('the CSI socket', () => {
  let node: NodeSandbox;
  beforeEach(() => {
    node = started(new NodeSandbox());
  });

  const modeOf = (file: string): string => (fs.statSync(file).mode & 0o7777).toString(8);

  it('is for root alone, in a directory of its own, and goes when the driver stops', async () => {
    const driver = await DriverProcess.start(node);
    assert.equal(modeOf(node.socketPath), '600');
    assert.equal(modeOf(path.dirname(node.socketPath)), '700');
    await driver.stop();
    assert.deepEqual(fs.readdirSync(path.dirname(node.socketPath)), []);
  });

  it('is not taken from a driver that lives: the second says so and ends, the first goes on', async () => {
    const first = await DriverProcess.start(node);
    // What it has begun by then must not keep it alive.
    const second = new DriverProcess(node, ['--http-address', '127.0.0.1:0']);
    assert.deepEqual(await second.exited, { status: 1, signal: null });
    assert.match(second.stderr, /another process answers on .*csi\.sock: stop it first/);
    await first.kubelet.publishVolume(node.volume());
    await first.stop();
  });

  it('of a driver that still ends its last call is free for the next driver, which keeps it', async () => {
    const ending = await InProcessDriver.start(node, { flags: ['--not-found-wait', '60s'] });
    const late = node.volume();
    const running = ending.kubelet.publishVolume(late, { attributes: { connectors: 'late' } });
    await eventually('the publish runs', async () =>
      (await ending.driver.metrics.text()).includes('rpc_in_flight{method="NodePublishVolume"} 1\n'),
    );
    const ended = ending.stop();
    await eventually('the socket is free', () => !fs.existsSync(node.socketPath));
    const next = await InProcessDriver.start(node);
    node.writeManifest('late.json', connector('late'));
    await Promise.all([running, ended]);
    await next.kubelet.publishVolume(node.volume());
    await next.stop();
    assert.equal(fs.existsSync(node.socketPath), false);
  });

  it('that is removed or replaced under a driver is told to the liveness probe', async () => {
    const driver = await DriverProcess.start(node, ['--http-address', '127.0.0.1:0']);
    const health = async (): Promise<number> => (await driver.http('/healthz')).status;
    assert.equal(await health(), 200);
    const kept = `${node.socketPath}.kept`;
    fs.renameSync(node.socketPath, kept);
    const { status, body } = await driver.http('/healthz');
    assert.deepEqual([status, body], [503, `the kubelet cannot call: the socket ${node.socketPath} is not there\n`]);
    fs.writeFileSync(node.socketPath, '');
    assert.equal(await health(), 503);
    fs.renameSync(kept, node.socketPath);
    assert.equal(await health(), 200);
    await driver.stop();
  });

  it('is not taken from another program that listens and says nothing', async () => {
    fs.mkdirSync(path.dirname(node.socketPath));
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(node.socketPath, resolve));
    const driver = new DriverProcess(node);
    assert.equal((await driver.exited).status, 1);
    assert.ok(fs.existsSync(node.socketPath));
    await new Promise((resolve) => other.close(resolve));
  });

  it('does not replace a file that is no socket', async () => {
    fs.mkdirSync(path.dirname(node.socketPath));
    fs.writeFileSync(node.socketPath, 'precious');
    const driver = new DriverProcess(node);
    assert.equal((await driver.exited).status, 1);
    assert.match(driver.stderr, /is not a socket: remove it or choose another path/);
    assert.equal(fs.readFileSync(node.socketPath, 'utf8'), 'precious');
  });
});
