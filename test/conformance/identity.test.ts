import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { DriverProcess } from '../support/driver/driver-process.ts';
import { NodeSandbox } from '../support/driver/node-sandbox.ts';
import { driverForAll } from '../support/driver/suite-driver.ts';
import { started } from '../support/started.ts';

const packageFile = path.join(import.meta.dirname, '..', '..', 'package.json');

describe('CSI Identity', () => {
  let driver: DriverProcess;
  driverForAll(
    (made) => DriverProcess.start(made),
    (own) => ({ driver } = own),
  );

  it('has a name of the form that CSI demands, and the version of package.json', async () => {
    const { name, vendor_version: version } = await driver.kubelet.pluginInfo();
    assert.equal(name, 'connectors-csi');
    assert.match(name, /^[a-zA-Z][-A-Za-z0-9._]{0,61}[a-zA-Z]$/);
    const { version: expected } = JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string };
    assert.equal(version, expected);
  });

  it('claims no plugin capability', async () => {
    assert.deepEqual((await driver.kubelet.pluginCapabilities()).capabilities, []);
  });

  it('is ready when it can publish, and not while the connectors cannot be read', async () => {
    assert.deepEqual((await driver.kubelet.probe()).ready, { value: true });
    const other = started(new NodeSandbox());
    const blind = started(new DriverProcess(other, ['--manifests', `${other.root}/nowhere`]));
    await blind.untilLogged('Started');
    assert.deepEqual((await blind.kubelet.probe()).ready, { value: false });
  });
});
