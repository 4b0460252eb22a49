import assert from 'node:assert/strict';
import { InProcessDriver } from '../../../support/driver/in-process-driver.ts';
import { assertFails } from '../../../support/driver/kubelet-client.ts';
import { connector, connectorClass } from '../../../support/driver/manifests.ts';
import { NodeSandbox } from '../../../support/driver/node-sandbox.ts';
import { started } from '../../../support/started.ts';

/** Templates that take all that they get, by file. */
const hostile: Readonly<Record<string, string>> = {
  endless: '{{ range 1000000000 }}{{ end }}',
  keys: '{{ range 8 }}{{ genPrivateKey "rsa" | len }}{{ end }}',
  pattern: '{{ range 1000000000 }}{{ $x := regexMatch "(?i)[b-\\\\x{1e942}]{20}" (repeat 100000 "x") }}{{ end }}',
};

/** The template that held a node for half a minute, as plain text a search took it. */
const longSearch = '{{ $p := repeat 200000 "a" }}{{ contains (print $p "b" $p) (repeat 1000000 "a") }}';

describe('templates that take long', () => {
  let node: NodeSandbox;
  let driver: InProcessDriver;
  beforeEach(async () => {
    node = started(new NodeSandbox());
    const configuration = (name: string, template: string) => ({ name, data: { file: template } });
    node.writeManifest(
      'class-hostile.json',
      connectorClass('hostile', {
        configurations: [
          ...Object.entries(hostile).map(([name, template]) => configuration(name, template)),
          configuration('search', longSearch),
        ],
      }),
    );
    node.writeManifest('hostile.json', connector('hostile', { namespace: 'hostile', className: 'hostile' }));
    const ordinary = [configuration('short', '{{ .connector.name }}'), configuration('slow', '{{ bcrypt "x" | len }}')];
    node.writeManifest('class-oci.json', connectorClass('oci', { configurations: ordinary }));
    driver = started(await InProcessDriver.start(node));
  });

  const publish = async (connectors: string, name: string): Promise<Readonly<Record<string, string>>> => {
    const volume = node.volume({ namespace: connectors.split('/')[0] ?? '' });
    const attributes = { connectors, 'configuration.names': name };
    await driver.kubelet.publishVolume(volume, { attributes });
    return volume.read();
  };

  it('hold up no call but their own, neither one that is short nor one that is slow too', async () => {
    const running = Object.keys(hostile).flatMap((name) => [1, 2, 3, 4].map(() => publish('hostile/hostile', name)));
    let ended = 0;
    const all = running.map((each) => each.catch(() => undefined).finally(() => (ended += 1)));
    assert.equal((await publish('ci/harbor', 'short'))['file'], 'harbor');
    assert.equal((await publish('ci/harbor', 'slow'))['file'], '60');
    assert.ok(ended < running.length, 'they were all over before');
    await driver.stop();
    await Promise.all(all);
  });

  it('fail with what they asked too much of, and the place', async () => {
    await assertFails(
      publish('hostile/hostile', 'endless'),
      'RESOURCE_EXHAUSTED',
      /connectorclass hostile, configuration endless, file file: template: file:1:9: .* takes more than 2000000 steps$/,
    );
    assert.deepEqual(node.mounts(), []);
  });

  it('are done when they take long and no more than that', async () => {
    assert.equal((await publish('hostile/hostile', 'search'))['file'], 'false');
  });
});
