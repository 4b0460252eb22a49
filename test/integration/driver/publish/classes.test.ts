import assert from 'node:assert/strict';
import path from 'node:path';
import { classManifests, requiredValue, type ClassSpec } from '../../../support/classes/class-cases.ts';
import { deployFolder, readManifests } from '../../../support/deploy/manifests.ts';
import { DriverProcess } from '../../../support/driver/driver-process.ts';
import { NodeSandbox } from '../../../support/driver/node-sandbox.ts';

const connectorsFile = path.join(deployFolder, 'examples', 'connectors.yaml');

describe('a volume with the configurations of a class of the chart', () => {
  let node: NodeSandbox;
  let driver: DriverProcess;
  before(async () => {
    node = new NodeSandbox();
    node.removeManifest('harbor.json');
    node.removeManifest('class-oci.json');
    for (const object of classManifests()) node.writeManifest(`${object.metadata.name!}.json`, JSON.stringify(object));
    for (const object of readManifests(connectorsFile)) {
      const { name = '' } = object.metadata;
      const url = `http://connectors-proxy-service.connectors-system.svc.cluster.local/namespaces/ci/connectors/${name}`;
      node.writeManifest(
        `connector-${name}.json`,
        JSON.stringify({ ...object, status: { proxy: { httpAddress: { url } } } }),
      );
    }
    driver = await DriverProcess.start(node);
  });
  after(async () => {
    await driver.stop();
    node.remove();
  });

  for (const { metadata, spec } of readManifests(connectorsFile)) {
    const { connectorClassName } = spec as { connectorClassName: string };
    it(`has the files of all of them, for ${connectorClassName}`, async () => {
      const object = classManifests().find((candidate) => candidate.metadata.name === connectorClassName)!;
      const { configurations } = object['spec'] as ClassSpec;
      const required = configurations.map(({ name, params = [] }) => [
        name,
        Object.fromEntries(
          params.filter((param) => param.default === undefined).map((param) => [param.name, requiredValue]),
        ),
      ]);
      const volume = node.volume();
      const attributes = {
        'connector.name': metadata.name!,
        'connector.namespace': '',
        'configuration.names': configurations.map(({ name }) => name).join(','),
        'configuration.params': JSON.stringify(Object.fromEntries(required)),
      };
      await driver.kubelet.publishVolume(volume, { attributes });
      const files = volume.read();
      for (const [file, template] of configurations.flatMap(({ data }) => Object.entries(data))) {
        const text = files[file];
        assert.ok(text !== undefined, file);
        assert.equal(text.trim() === '', template === '', file);
        assert.doesNotMatch(text, /<no value>/, file);
      }
      assert.ok(files['.env']);
    });
  }
});
