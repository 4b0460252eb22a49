import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { DriverProcess } from '../../support/driver/driver-process.js';
import { NodeSandbox } from '../../support/driver/node-sandbox.js';

describe('the CSI socket', () => {
  let node: NodeSandbox;
  beforeEach(() => {
    node = new NodeSandbox();
  });
  afterEach(() => node.remove());

  const modeOf = (file: string): string => (fs.statSync(file).mode & 0o7777).toString(8);

  it('is for root alone, in a directory of its own, and goes when the driver stops', async () => {
    const driver = await DriverProcess.start(node);
    assert.equal(modeOf(node.socketPath), '600');
    assert.equal(modeOf(path.dirname(node.socketPath)), '700');
    await driver.stop();
    assert.deepEqual(fs.readdirSync(path.dirname(node.socketPath)), []);
  });

  it('has its directory tightened where that holds nothing else', async () => {
    fs.mkdirSync(path.dirname(node.socketPath), { mode: 0o755 });
    const driver = await DriverProcess.start(node);
    assert.equal(modeOf(path.dirname(node.socketPath)), '700');
    await driver.stop();
  });

  it('leaves the mode of a directory alone that others share, full or sticky', async () => {
    const folder = path.dirname(node.socketPath);
    fs.mkdirSync(folder);
    fs.chmodSync(folder, 0o1777);
    let driver = await DriverProcess.start(node);
    assert.equal(modeOf(folder), '1777');
    assert.equal(modeOf(node.socketPath), '600');
    await driver.stop();
    fs.chmodSync(folder, 0o755);
    fs.writeFileSync(path.join(folder, 'theirs'), '');
    driver = await DriverProcess.start(node);
    assert.equal(modeOf(folder), '755');
    await driver.stop();
  });

  it('is taken over from a driver that was killed', async () => {
    const first = await DriverProcess.start(node);
    await first.killed();
    assert.ok(fs.existsSync(node.socketPath));
    const second = await DriverProcess.start(node);
    await second.kubelet.publish(node.volume().publishRequest());
    await second.stop();
  });

  it('is not taken from a driver that lives: the second says so and ends, the first goes on', async () => {
    const first = await DriverProcess.start(node);
    const second = new DriverProcess(node);
    assert.deepEqual(await second.exited, { status: 1, signal: null });
    assert.match(second.stderr, /another process answers on .*csi\.sock: stop it first/);
    await first.kubelet.publish(node.volume().publishRequest());
    await first.stop();
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
