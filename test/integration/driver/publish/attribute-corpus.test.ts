import assert from 'node:assert/strict';
import type { JsonObject } from '../../../../src/shared/json.ts';
import { acceptedBlocks, refusedBlocks } from '../../../support/attributes/corpus.ts';
import { DriverProcess } from '../../../support/driver/driver-process.ts';
import { assertFails } from '../../../support/driver/kubelet-client.ts';
import { connector, connectorClass } from '../../../support/driver/manifests.ts';
import type { NodeSandbox } from '../../../support/driver/node-sandbox.ts';
import { driverForAll } from '../../../support/driver/suite-driver.ts';

/** Classes with the names of configurations that people copy into their manifests; the content is no matter here. */
const classes: Readonly<Record<string, Readonly<Record<string, readonly JsonObject[]>>>> = {
  oci: { 'registry-config': [], buildkitd: [] },
  git: { gitconfig: [] },
  maven: { settings: [{ name: 'useAsMirror', default: 'false', enum: ['true', 'false'] }] },
  jfrog: { settings: [], npmrc: [] },
};

function writeManifests(node: NodeSandbox): void {
  for (const [name, configurations] of Object.entries(classes)) {
    const parsed = Object.entries(configurations).map(([configuration, declared]) => ({
      name: configuration,
      data: { [`${name}-${configuration}`]: '{{ .configurations | toJson }}' },
      params: declared,
    }));
    node.writeManifest(`class-${name}.json`, connectorClass(name, { configurations: parsed }));
    node.writeManifest(`${name}.json`, connector(name, { className: name }));
  }
  node.writeManifest('tools.json', connector('harbor', { namespace: 'tools', className: 'oci' }));
}

/** The whole corpus is tried with the parser, the schema and the policies in tests of `deploy`. */
const mounted = acceptedBlocks.filter(({ what }) =>
  ['a list over several lines', 'configurations of two classes'].includes(what),
);

describe('a volume with attributes', () => {
  let node: NodeSandbox;
  let driver: DriverProcess;
  driverForAll(
    (made) => {
      writeManifests(made);
      return DriverProcess.start(made);
    },
    (own) => ({ node, driver } = own),
  );

  for (const { what, block } of mounted) {
    it(`of ${what} is mounted`, async () => {
      const volume = node.volume();
      await driver.kubelet.publishVolume(volume, { attributes: block });
      assert.equal(volume.read()['context.token'], volume.token);
      await driver.kubelet.unpublishVolume(volume);
    });
  }

  for (const { what, block, says } of refusedBlocks.filter(({ needsCluster }) => needsCluster)) {
    it(`of ${what} is refused, and the author told what to mend`, async () => {
      const volume = node.volume();
      const failed = driver.kubelet.publishVolume(volume, { attributes: block });
      const message = await assertFails(
        failed,
        says[0]?.source.includes('no configuration') ? 'NOT_FOUND' : 'INVALID_ARGUMENT',
        /./,
      );
      for (const words of says) assert.match(message, words);
      assert.ok(message.length < 2000, message);
      assert.equal(volume.isMounted(), false);
    });
  }

  it('is one of some kinds', () => {
    assert.equal(mounted.length, 2);
    assert.ok(refusedBlocks.filter(({ needsCluster }) => needsCluster).length >= 4);
  });
});
