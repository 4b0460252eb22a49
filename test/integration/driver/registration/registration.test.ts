import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { DriverProcess } from '../../../support/driver/driver-process.ts';
import { NodeSandbox } from '../../../support/driver/node-sandbox.ts';
import { TestKubelet } from '../../../support/kubelet/test-kubelet.ts';
import { eventually } from '../../../support/poll.ts';
import { started } from '../../../support/started.ts';

describe('registration with the kubelet', () => {
  let node: NodeSandbox;
  let kubelet: TestKubelet;
  let refusals: string[];
  beforeEach(() => {
    node = started(new NodeSandbox());
    refusals = [];
    kubelet = started(new TestKubelet({ kubeletDir: node.kubeletDir, refusal: () => refusals.shift() }));
  });

  const socket = (): string => path.join(kubelet.registryDir, 'connectors-csi-reg.sock');
  const start = async (...flags: string[]): Promise<DriverProcess> => {
    const registry = ['--registration-dir', kubelet.registryDir, '--kubelet-endpoint', node.socketPath];
    return started(await DriverProcess.start(node, [...registry, '--http-address', '127.0.0.1:0', ...flags]));
  };
  const isMetric = async (running: DriverProcess, value: number): Promise<boolean> =>
    (await running.http('/metrics')).body.includes(`\nconnectors_csi_registered ${value}\n`);

  it('comes after the CSI socket answers and before readiness', async () => {
    const running = await start();
    assert.equal(fs.lstatSync(socket()).mode & 0o777, 0o600);
    await running.untilLogIs(({ path: where }) => where, [node.socketPath, socket()]);
    const unready = await running.http('/readyz');
    assert.deepEqual(unready, { status: 503, body: 'the kubelet has not registered the driver yet\n' });
    assert.ok(await isMetric(running, 0));
    kubelet.start();
    await kubelet.untilRegistered();
    assert.equal(kubelet.nodeId, 'node-1');
    await eventually('it is ready', async () => (await running.http('/readyz')).status === 200);
    assert.ok(await isMetric(running, 1));
  });

  it('survives a restart of the kubelet that empties the directory', async () => {
    const running = await start();
    kubelet.start();
    await kubelet.untilRegistered();
    await kubelet.restart({ emptiesRegistry: true });
    assert.equal(kubelet.isRegistered, false);
    await kubelet.untilRegistered();
    await running.untilLogged('Registration socket disappeared, recreating it');
    await eventually('it is ready again', async () => (await running.http('/readyz')).status === 200);
  });

  it('that is refused is an error in the log and in the metrics, and is offered again', async function () {
    refusals = ['another version is newer'];
    const running = await start();
    kubelet.start();
    await running.untilLogged('Kubelet rejected the driver');
    await running.untilLogIs(
      ({ level, reason }) => (level === 'error' ? reason : undefined),
      ['another version is newer'],
    );
    assert.ok(await isMetric(running, 0));
    assert.equal((await running.http('/readyz')).status, 503);
    await kubelet.untilRegistered(30_000);
    await eventually('it is ready', async () => (await running.http('/readyz')).status === 200);
    assert.ok(await isMetric(running, 1));
  });

  it('ends with a graceful stop', async () => {
    kubelet.start();
    const running = await start();
    await kubelet.untilRegistered();
    assert.deepEqual(await running.stop(), { status: 0, signal: null });
    await kubelet.untilDeregistered();
    assert.deepEqual(fs.readdirSync(kubelet.registryDir), []);
  });

  it('is made anew when something else is at the place of its socket', async () => {
    const running = await start();
    kubelet.start();
    await kubelet.untilRegistered();
    // As of a driver that was killed: no process answers on it.
    const other = createServer();
    fs.renameSync(socket(), path.join(node.root, 'away.sock'));
    await new Promise<void>((resolve) => other.listen(path.join(node.root, 'other.sock'), resolve));
    fs.linkSync(path.join(node.root, 'other.sock'), socket());
    await new Promise((resolve) => other.close(resolve));
    await running.untilLogged('Registration socket disappeared, recreating it');
    await running.untilLogged('Registered with the kubelet');
    await kubelet.untilRegistered();
    assert.deepEqual(fs.readdirSync(kubelet.registryDir), ['connectors-csi-reg.sock']);
  });

  it('leaves the socket of another driver alone that is at the place of its own, and says so once', async () => {
    const running = await start();
    fs.rmSync(socket());
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(socket(), resolve));
    const failed = 'Failed to offer the driver to the kubelet';
    await running.untilLogged(failed);
    // Long enough for more of its looks, of which there is one a second.
    await new Promise((resolve) => setTimeout(resolve, 2500));
    await running.untilLogIs(({ msg }) => (msg === failed ? msg : undefined), [failed]);
    assert.ok(fs.existsSync(socket()));
    await new Promise((resolve) => other.close(resolve));
    await eventually('its own is back', () => fs.existsSync(socket()));
  });
});
