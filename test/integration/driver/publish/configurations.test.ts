import assert from 'node:assert/strict';
import type { JsonObject } from '../../../../src/shared/json.ts';
import { DriverProcess } from '../../../support/driver/driver-process.ts';
import { assertFails } from '../../../support/driver/kubelet-client.ts';
import { connector, connectorClass } from '../../../support/driver/manifests.ts';
import type { NodeSandbox } from '../../../support/driver/node-sandbox.ts';
import { driverForAll } from '../../../support/driver/suite-driver.ts';
import type { TestVolume } from '../../../support/driver/test-volume.ts';

/** Configurations of a class as a pod's author meets them; what templates can do is tested with the engine. */
describe('a volume with configurations', () => {
  let node: NodeSandbox;
  let driver: DriverProcess;
  driverForAll(
    (made) => DriverProcess.start(made),
    (own) => ({ node, driver } = own),
  );

  const configure = (...configurations: readonly JsonObject[]) =>
    node.writeManifest('class-oci.json', connectorClass('oci', { configurations }));

  const publish = async (names: string, params?: object): Promise<TestVolume> => {
    const volume = node.volume();
    const attributes = {
      connectors: 'harbor',
      'configuration.names': names,
      ...(params === undefined ? {} : { 'configuration.params': JSON.stringify(params) }),
    };
    await driver.kubelet.publishVolume(volume, { attributes });
    return volume;
  };

  it('has their files beside the built-in ones, rendered with the connector, the token and the params', async () => {
    configure({
      name: 'settings',
      params: [{ name: 'level', default: 'low' }],
      data: {
        'a.ini': '{{ .connector.namespace }}/{{ .connector.name }} {{ .context.token }} {{ .configurations.level }}',
      },
    });
    const volume = await publish('settings', { settings: { level: 'high' } });
    assert.equal(volume.read()['a.ini'], `ci/harbor ${volume.token} high`);
    assert.ok(volume.read()['.env']);
    assert.equal((await publish('settings')).read()['a.ini']?.split(' ').at(-1), 'low');
    assert.equal((await publish('!.env')).read()['a.ini'], undefined);
  });

  it('lets the later of two files of one name win, also over a built-in one, and leaves out what is excluded', async () => {
    configure(
      { name: 'one', data: { same: 'one', '.env': 'mine=1\n' } },
      { name: 'two', data: { same: 'two', extra: 'x' } },
    );
    const files = (await publish('two, one, !extra')).read();
    assert.equal(files['same'], 'one');
    assert.equal(files['.env'], 'mine=1\n');
    assert.equal(files['extra'], undefined);
  });

  it('has what there is of the configurations it names, and the log says what there is not', async () => {
    configure({ name: 'one', data: { file: 'one' } });
    assert.equal((await publish('one,typo')).read()['file'], 'one');
    await driver.untilLogged(/no configuration typo in connectorclass oci \(available: one\)/);
  });

  it('is refused for a template that cannot be read or run, with class, configuration, file and line', async () => {
    configure(
      { name: 'unreadable', data: { 'x.conf': 'first\n{{ if }}' } },
      { name: 'failing', data: { 'x.conf': 'first\n{{ fail .context.token }}' } },
      { name: 'misnamed', data: { '../escape': 'x' } },
    );
    for (const [name, message] of [
      ['unreadable', /oci.*unreadable.*x\.conf.*2/],
      ['failing', /oci.*failing.*x\.conf.*2/],
      ['misnamed', /oci.*misnamed.*\.\.\/escape/],
    ] as const) {
      await assertFails(publish(name), 'FAILED_PRECONDITION', message);
    }
  });

  it('keeps its files when its class breaks, and has the new ones when it is mended', async () => {
    configure({ name: 'settings', data: { file: 'good' } });
    const volume = await publish('settings');
    const again = () =>
      driver.kubelet.publishVolume(volume, { attributes: { connectors: 'harbor', 'configuration.names': 'settings' } });
    configure({ name: 'settings', data: { file: '{{ nofunc }}' } });
    await assertFails(again(), 'UNAVAILABLE', /the mounted files are kept: FAILED_PRECONDITION: .*nofunc/);
    assert.equal(volume.read()['file'], 'good');
    configure({ name: 'settings', data: { other: 'better' } });
    await again();
    assert.equal(volume.read()['other'], 'better');
    assert.equal(volume.read()['file'], undefined);
    node.writeManifest('harbor.json', connector('harbor'));
  });
});
