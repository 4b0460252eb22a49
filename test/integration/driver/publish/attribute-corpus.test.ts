import assert from 'node:assert/strict';
import type { JsonObject } from '../../../../src/shared/json.ts';
import { acceptedBlocks, refusedBlocks } from '../../../support/attributes/corpus.ts';
import { DriverProcess } from '../../../support/driver/driver-process.ts';
import { assertFails } from '../../../support/driver/kubelet-client.ts';
import { connector, connectorClass } from '../../../support/driver/manifests.ts';
import type { NodeSandbox } from '../../../support/driver/node-sandbox.ts';
import { driverForAll } from '../../../support/driver/suite-driver.ts';

const params = (...names: readonly string[]): JsonObject[] => names.map((name) => ({ name, default: '' }));

/** Classes with the names of configurations that people copy into their manifests; the content is no matter here. */
const classes: Readonly<Record<string, Readonly<Record<string, readonly JsonObject[]>>>> = {
  oci: { 'registry-config': [], buildkitd: [], 'docker-config': [] },
  harbor: { 'registry-config': [], 'harbor-cli-config': [], config: [] },
  git: { gitconfig: [] },
  github: { githubconfig: [], gitconfig: [] },
  gitlab: { gitlabconfig: [], gitconfig: [] },
  maven: { settings: [{ name: 'useAsMirror', default: 'false', enum: ['true', 'false'] }] },
  npm: { npmrc: [{ name: 'scopes', type: 'array', default: [] }], yarnrc: [] },
  pypi: { pipconf: [], pypirc: [] },
  nexus: { settings: params('repository'), npmrc: params('repository'), pipconf: params('repository') },
  jfrog: { settings: [], npmrc: [] },
  k8s: { kubeconfig: [] },
  sonarqube: { 'sonar-scanner': [] },
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
  node.writeManifest('tools.json', connector('harbor', { namespace: 'tools', className: 'harbor' }));
  node.writeManifest('dots.json', connector('git.internal', { className: 'git' }));
  node.writeManifest(
    'many.json',
    ...Array.from({ length: 32 }, (_, index) => connector(`many-${index}`, { className: 'oci' })),
  );
}

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

  for (const { what, block } of acceptedBlocks) {
    it(`of ${what} is mounted`, async () => {
      const volume = node.volume();
      await driver.kubelet.publishVolume(volume, { attributes: block });
      assert.equal(volume.read()['context.token'], volume.token);
      await driver.kubelet.unpublishVolume(volume);
    });
  }

  for (const { what, block, says } of refusedBlocks) {
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

  it('is one of at least sixty kinds', () => assert.ok(acceptedBlocks.length + refusedBlocks.length >= 60));
});
