import assert from 'node:assert/strict';
import type { JsonObject } from '../../../../src/shared/json.ts';
import { InProcessDriver } from '../../../support/driver/in-process-driver.ts';
import { assertFails } from '../../../support/driver/kubelet-client.ts';
import { connector, connectorClass } from '../../../support/driver/manifests.ts';
import type { ClassManifest, ConnectorManifest } from '../../../support/driver/manifests.ts';
import type { NodeSandbox } from '../../../support/driver/node-sandbox.ts';
import { driverForAll } from '../../../support/driver/suite-driver.ts';
import type { TestVolume } from '../../../support/driver/test-volume.ts';

/** Prints which class renders, its first connector, and all of its connectors in order. */
const whoTemplate =
  '{{ .connectorclass.name }}: {{ .connector.name }} of{{ range .connectors }} {{ .namespace }}/{{ .name }}{{ end }}';

const who = (file: string): JsonObject => ({ name: 'who', data: { [file]: whoTemplate } });

describe('a volume of several connectors', () => {
  let node: NodeSandbox;
  let driver: InProcessDriver;
  driverForAll(
    async (made) => {
      const started = await InProcessDriver.start(made);
      await started.kubelet.untilReady();
      return started;
    },
    (own) => ({ node, driver } = own),
  );

  const putConnector = (name: string, manifest: ConnectorManifest): void =>
    node.writeManifest(`${name}.json`, connector(name, manifest));
  const putClass = (name: string, manifest: ClassManifest): void =>
    node.writeManifest(`class-${name}.json`, connectorClass(name, manifest));
  const publish = async (connectors: string, names = ''): Promise<TestVolume> => {
    const volume = node.volume();
    const attributes = { connectors, ...(names === '' ? {} : { 'configuration.names': names }) };
    await driver.kubelet.publishVolume(volume, { attributes });
    return volume;
  };
  const read = async (connectors: string, names?: string): Promise<Readonly<Record<string, string>>> =>
    (await publish(connectors, names)).read();

  describe('of one class', () => {
    before(() => {
      putClass('oci', { configurations: [who('who')] });
      putConnector('nexus', { namespace: 'shared' });
    });

    it('is rendered once, with all of them in the order of the volume', async () => {
      assert.equal((await read('harbor,shared/nexus', 'who'))['who'], 'oci: harbor of ci/harbor shared/nexus');
      assert.equal((await read('shared/nexus, harbor', 'who'))['who'], 'oci: nexus of shared/nexus ci/harbor');
    });

    it('says to the proxy who they are, in that order', async () => {
      const volume = await publish('shared/nexus,harbor');
      assert.equal(volume.read()['http.proxy'], `http://shared%2Fnexus,ci%2Fharbor:${volume.token}@proxy.example:8080`);
    });
  });

  describe('of different classes', () => {
    before(() => {
      putClass('oci', { configurations: [who('oci.txt'), { name: 'only-oci', data: { shared: 'from oci' } }] });
      putClass('git', {
        configurations: [who('git.txt'), { name: 'only-git', data: { shared: 'from git', '.env': 'mine=1\n' } }],
      });
      putConnector('nexus', { namespace: 'shared' });
      putConnector('github', { className: 'git' });
    });

    it('renders each class with its own connectors only, whatever stands between them', async () => {
      const files = await read('harbor,github,shared/nexus', 'who');
      assert.equal(files['oci.txt'], 'oci: harbor of ci/harbor shared/nexus');
      assert.equal(files['git.txt'], 'git: github of ci/github');
    });

    it('takes of each class the configurations that it has', async () => {
      const files = await read('harbor,github', 'only-oci,who');
      assert.equal(files['shared'], 'from oci');
      assert.ok(files['git.txt']);
      assert.doesNotMatch(driver.log, /no configuration only-oci/);
    });

    it('lets the class mentioned last win for a file of the same name, whatever the order of the configurations', async () => {
      for (const names of ['only-oci,only-git', 'only-git,only-oci']) {
        assert.equal((await read('harbor,github', names))['shared'], 'from git');
        assert.equal((await read('github,harbor', names))['shared'], 'from oci');
        // A class counts from its first mention.
        assert.equal((await read('harbor,github,shared/nexus', names))['shared'], 'from git');
      }
    });

    it('lets a configuration win over a built-in file, and leaves out what is excluded from all of them', async () => {
      assert.equal((await read('github,harbor', 'only-git'))['.env'], 'mine=1\n');
      const files = await read('harbor,github', 'only-oci,only-git,!shared,!.env');
      assert.equal(files['shared'], undefined);
      assert.equal(files['.env'], undefined);
      assert.ok(files['http.proxy']);
    });

    it('is refused for a name that none of them has, listing what each has', async () => {
      await assertFails(
        publish('harbor,github', 'nope'),
        'NOT_FOUND',
        /connectorclass oci \(available: who, only-oci\), connectorclass git \(available: who, only-git\)/,
      );
    });

    it('is refused whole when one of them fails', async () => {
      putClass('git', { configurations: [{ name: 'who', data: { 'git.txt': '{{ fail "no" }}' } }] });
      const volume = node.volume();
      const attributes = { connectors: 'harbor,github', 'configuration.names': 'who' };
      const request = volume.publishRequest({ attributes });
      await assertFails(
        driver.kubelet.publish(request),
        'FAILED_PRECONDITION',
        /connectorclass git, configuration who/,
      );
      assert.equal(volume.isMounted(), false);
    });
  });
});
