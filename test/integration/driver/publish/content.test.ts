import assert from 'node:assert/strict';
import { activateFile } from '../../../../src/driver/content/built-in-files.ts';
import fs from 'node:fs';
import path from 'node:path';
import { DriverProcess } from '../../../support/driver/driver-process.ts';
import { assertFails } from '../../../support/driver/kubelet-client.ts';
import { connector, connectorClass, proxyUrl } from '../../../support/driver/manifests.ts';
import { NodeSandbox } from '../../../support/driver/node-sandbox.ts';
import { driverForAll } from '../../../support/driver/suite-driver.ts';
import { started } from '../../../support/started.ts';
import { hasManyIds } from '../../../support/user-ids.ts';

const ca = '-----BEGIN CERTIFICATE-----\nQQ==\n-----END CERTIFICATE-----\n';
const nodeCa = ca.replace('QQ==', 'Qg==');

/** What is in the mount, to the byte (the file names are the contract with tasks that exist). */
describe('a published volume', () => {
  let node: NodeSandbox;
  let driver: DriverProcess;
  driverForAll(
    (made) => DriverProcess.start(made),
    (own) => ({ node, driver } = own),
  );

  const publish = async (attributes: Readonly<Record<string, string>>) => {
    const volume = node.volume();
    await driver.kubelet.publishVolume(volume, { attributes });
    return volume;
  };

  it('of one connector has its address with user and token, and no CA files when no CA is known', async () => {
    const volume = await publish({ connectors: 'harbor' });
    const url = `http://ci%2Fharbor:${volume.token}@proxy.example:8080`;
    assert.deepEqual(volume.read(), {
      '.env': `http_proxy=${url}\nhttps_proxy=${url}\nno_proxy=localhost,127.0.0.1,::1\n`,
      activate: activateFile({ volumeId: volume.volumeId, noProxy: 'localhost,127.0.0.1,::1' }),
      'connector.status.proxyAddress': proxyUrl,
      'context.token': volume.token,
      'http.proxy': url,
      'https.proxy': url,
    });
  });

  it('takes the deprecated attributes for one connector', async () => {
    const volume = await publish({ 'connector.name': 'harbor', 'connector.namespace': 'ci' });
    assert.match(volume.read()['http.proxy'] ?? '', /^http:\/\/ci%2Fharbor:/);
  });

  it("finds a connector of another namespace, and carries its proxy's CA under three names", async () => {
    node.writeManifest('shared.json', connector('nexus', { namespace: 'shared', caCerts: ca }));
    const files = (await publish({ connectors: 'shared/nexus' })).read();
    assert.match(files['.env'] ?? '', /^http_proxy=http:\/\/shared%2Fnexus:/);
    assert.deepEqual([files['ca.crt'], files['ca.cert'], files['context.proxy.caCert']], [ca, ca, ca]);
  });

  it('holds no private key that stands next to the CA of its proxy', async () => {
    const key = '-----BEGIN EC PRIVATE KEY-----\nKEYCANARY\n-----END EC PRIVATE KEY-----\n';
    node.writeManifest('combined.json', connector('own', { namespace: 'combined', caCerts: `${key}${ca}` }));
    node.writeManifest(
      'combined-class.json',
      [
        connectorClass('combined', { proxyUrl: 'http://proxy.example', caCerts: `${ca}${key}${nodeCa}` }),
        connector('plain', { namespace: 'combined', className: 'combined' }),
      ]
        .map((object) => JSON.stringify(object))
        .join('\n---\n'),
    );
    for (const [connectors, expected] of [
      ['combined/own', ca],
      ['combined/own,combined/plain', ca + nodeCa],
    ] as const) {
      const files = (await publish({ connectors })).read();
      assert.equal(files['ca.crt'], expected);
      assert.ok(!Object.values(files).some((content) => content.includes('KEYCANARY')));
    }
  });

  it("of several connectors names them all, in mount order, to the last class's proxy", async () => {
    const url = 'https://connectors.example/entry';
    node.writeManifest(
      'several.json',
      [
        connectorClass('git', { proxyUrl: url, caCerts: ca }),
        connectorClass('npm', { proxyUrl: 'https://connectors.example' }),
        connectorClass('apart', { proxyUrl: 'https://other.example' }),
        connector('github', { className: 'git' }),
        connector('registry', { className: 'npm' }),
        connector('lonely', { className: 'apart' }),
      ]
        .map((object) => JSON.stringify(object))
        .join('\n---\n'),
    );
    const volume = await publish({ connectors: 'registry, lonely, github' });
    const files = volume.read();
    assert.equal(files['http.proxy'], `https://ci%2Fregistry,ci%2Fgithub:${volume.token}@connectors.example:443`);
    assert.equal(files['connector.status.proxyAddress'], url);
    assert.equal(files['ca.crt'], ca);
  });

  it('leaves out what is excluded, and takes an exclusion of a file that is not there', async () => {
    const volume = await publish({ connectors: 'harbor', 'configuration.names': '!.env, !http.proxy,!nothing' });
    const names = ['activate', 'connector.status.proxyAddress', 'context.token', 'https.proxy'];
    assert.deepEqual(Object.keys(volume.read()), names);
    await driver.untilLogged(/nothing/);
  });

  it('of a class without a proxy has the token alone', async () => {
    node.writeManifest('constant.json', connectorClass('constant', { hasProxy: false }));
    node.writeManifest('settings.json', connector('settings', { className: 'constant', proxyUrl: undefined }));
    const volume = await publish({ connectors: 'settings' });
    assert.deepEqual(volume.read(), { 'context.token': volume.token });
  });

  it('has the proxy that the operator has set, where class and connector name none', async () => {
    const other = started(new NodeSandbox());
    other.writeManifest('constant.json', connectorClass('constant', { hasProxy: false }));
    other.writeManifest('settings.json', connector('settings', { className: 'constant', proxyUrl: undefined }));
    const flags = ['--default-proxy-url', 'http://built-in.example:3128'];
    const withDefault = started(await DriverProcess.start(other, flags));
    const volume = other.volume();
    await withDefault.kubelet.publishVolume(volume, { attributes: { connectors: 'settings' } });
    assert.equal(volume.read()['http.proxy'], `http://ci%2Fsettings:${volume.token}@built-in.example:3128`);
    assert.equal(volume.read()['connector.status.proxyAddress'], 'http://built-in.example:3128');
    await withDefault.kubelet.unpublishVolume(volume);
  });

  const modes = (target: string): unknown[] =>
    ['.', '..data', '.env'].map((name) => {
      const { mode, gid } = fs.statSync(path.join(target, name));
      return [(mode & 0o7777).toString(8), gid];
    });

  it('has the modes that let everybody read without a group', async () => {
    const { target } = await publish({ connectors: 'harbor' });
    assert.deepEqual(modes(target), [
      ['755', 0],
      ['755', 0],
      ['444', 0],
    ]);
  });

  it('has the modes that let only the group read with one', async function () {
    if (!hasManyIds()) {
      console.log('      skipped: a group other than 0 exists only for real root, not in this user namespace');
      this.skip();
    }
    const volume = node.volume();
    const fields = { volume_capability: { mount: { volume_mount_group: '4711' } } };
    await driver.kubelet.publishVolume(volume, { fields });
    assert.deepEqual(modes(volume.target), [
      ['750', 4711],
      ['750', 4711],
      ['440', 4711],
    ]);
  });

  it('takes tokens from secrets before those in volume_context', async () => {
    const volume = node.volume();
    const stale = volume.token;
    const fresh = volume.renewToken();
    const { volume_context: context } = volume.publishRequest({ token: fresh });
    const secrets = {
      'csi.storage.k8s.io/serviceAccount.tokens': context!['csi.storage.k8s.io/serviceAccount.tokens']!,
    };
    await driver.kubelet.publishVolume(volume, { token: stale, fields: { secrets } });
    assert.equal(volume.read()['context.token'], fresh);
  });

  it("has the node's CA where the proxy names none, from the file as it is now", async () => {
    const other = started(new NodeSandbox());
    const file = path.join(other.root, 'ca.pem');
    fs.writeFileSync(file, ca);
    const trusting = started(
      await DriverProcess.start(other, ['--proxy-ca-file', file, '--no-proxy', 'internal.example']),
    );
    const volume = other.volume();
    await trusting.kubelet.publishVolume(volume);
    assert.equal(volume.read()['ca.crt'], ca);
    assert.match(volume.read()['.env'] ?? '', /\nno_proxy=internal\.example\n$/);
    fs.writeFileSync(`${file}.next`, nodeCa);
    fs.renameSync(`${file}.next`, file);
    await trusting.kubelet.publishVolume(volume);
    assert.equal(volume.read()['ca.crt'], nodeCa);
    fs.rmSync(file);
    await trusting.kubelet.publishVolume(volume);
    assert.equal(volume.read()['ca.crt'], nodeCa);
  });

  it('is refused when its files are more than the bounds allow', async () => {
    node.writeManifest('fat.json', connector('fat', { caCerts: ca.replace('QQ==', 'QUFB'.repeat(100_000)) }));
    const before = node.mounts();
    await assertFails(publish({ connectors: 'fat' }), 'RESOURCE_EXHAUSTED', /1048576 bytes are allowed/);
    assert.deepEqual(node.mounts(), before);
  });
});
