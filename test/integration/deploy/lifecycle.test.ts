import assert from 'node:assert/strict';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ApplyServer, type KubectlRun } from '../../support/deploy/apply-server.ts';
import { driver } from '../../support/deploy/driver-objects.ts';
import { helms } from '../../support/deploy/helm.ts';
import { chartFolder, rendered, type Manifest } from '../../support/deploy/manifests.ts';
import { needs } from '../../support/e2e/rendered-classes.ts';
import { started } from '../../support/started.ts';

const release = 'connectors-csi --namespace connectors-system';
const withProxy = '--set image.repository=r/connectors-csi --set proxy.enabled=true';
/** Kinds of what outlives a release. */
const kept = ['Connector', 'ConnectorClass', 'CustomResourceDefinition', 'Namespace', 'Secret'];

function nodeOf(name: string, kubeletVersion: string): Manifest {
  return { apiVersion: 'v1', kind: 'Node', metadata: { name }, status: { nodeInfo: { kubeletVersion } } };
}

for (const [index, helm] of helms.entries()) {
  describe(`a release of the ${index === helms.length - 1 ? 'newest' : 'older'} Helm`, () => {
    let server: ApplyServer;
    let chart: string;
    beforeEach(async () => {
      server = started(await ApplyServer.start());
      chart = path.join(server.folder, 'chart');
      cpSync(chartFolder, chart, { recursive: true });
    });

    async function run(command: string): Promise<KubectlRun> {
      const result = await server.run(`${helm} ${command}`);
      assert.deepEqual([result.status, result.stderr], [0, ''], command);
      return result;
    }
    const install = (flags = withProxy): Promise<KubectlRun> =>
      run(`install ${release.replace(' ', ` ${chart} `)} --create-namespace ${flags}`);
    const imageOf = (): string => driver(server.find('DaemonSet')).image;
    const isAnnotated = ({ metadata }: Manifest): boolean =>
      JSON.stringify(metadata).includes('"meta.helm.sh/release-name":"connectors-csi"');

    it('is installed by one command where there is nothing, and says what comes next', async () => {
      const { stdout } = await install();
      assert.match(
        stdout,
        /is installed in namespace connectors-system: the driver, the proxy, the CRDs, the classes\.\n/,
      );
      assert.match(stdout, /label namespace connectors-system pod-security\.kubernetes\.io\/enforce=privileged\n/);
      assert.match(
        stdout,
        /--clusterrole connectors-proxy-credentials --serviceaccount connectors-system:connectors-proxy/,
      );
      for (const [kind, count] of [
        ['CustomResourceDefinition', 3],
        ['ConnectorClass', 13],
        ['DaemonSet', 1],
        ['Deployment', 1],
      ] as const) {
        assert.equal(server.find(kind).length, count, kind);
        assert.ok(server.find(kind).every(isAnnotated), kind);
      }
    });

    it('upgrades the CRDs too, is rolled back, and when it is removed leaves what users and the proxy have made', async () => {
      await install();
      const connector = { apiVersion: 'connectors.alauda.io/v1alpha1', kind: 'Connector' };
      server.put({ ...connector, metadata: { namespace: 'ci', name: 'harbor' }, spec: {} });
      const ca = { namespace: 'connectors-system', name: 'connectors-proxy-ca' };
      server.put({ apiVersion: 'v1', kind: 'Secret', metadata: ca, type: 'kubernetes.io/tls' });

      const crd = path.join(chart, 'charts', 'crds', 'crds', 'connectors.yaml');
      const text = readFileSync(crd, 'utf8');
      writeFileSync(crd, text.replace('      served: true\n', '      served: true\n      deprecated: true\n'));
      const isNew = (): boolean =>
        JSON.stringify(server.find('CustomResourceDefinition')).includes('"deprecated":true');
      await run(`upgrade ${release.replace(' ', ` ${chart} `)} --reset-then-reuse-values --set-string image.tag=7`);
      assert.deepEqual([imageOf(), isNew(), server.find('Deployment').length], ['r/connectors-csi:7', true, 1]);

      await run(`rollback ${release.replace(' ', ' 1 ')}`);
      assert.deepEqual([imageOf() === 'r/connectors-csi:7', isNew()], [false, false]);

      await run(`uninstall ${release}`);
      const left = kept.map((kind) => [kind, server.find(kind).length]);
      assert.deepEqual(Object.fromEntries(left), {
        ...{ Connector: 1, ConnectorClass: 13, CustomResourceDefinition: 3, Namespace: 1, Secret: 1 },
      });
      for (const kind of ['DaemonSet', 'Deployment', 'ClusterRole', 'CSIDriver', 'ServiceAccount', 'Service']) {
        assert.deepEqual(server.find(kind), [], kind);
      }
      // It takes what it has left.
      await install();
    });

    it('leaves the CRDs of a Connectors system alone', async () => {
      const names = rendered('crds').filter(({ kind }) => kind === 'CustomResourceDefinition');
      const foreign = names.map((object) => ({ ...object, metadata: { name: object.metadata.name ?? '' } }));
      for (const object of foreign) server.put(object);
      await install('--set image.repository=r/connectors-csi');
      await run(`uninstall ${release}`);
      assert.deepEqual(server.find('CustomResourceDefinition'), foreign);
    });

    it('gets a proxy later, after the CRDs', async () => {
      await install('--set image.repository=r/connectors-csi');
      const upgrade = `upgrade ${release.replace(' ', ` ${chart} `)} ${withProxy}`;
      const { stderr } = await server.run(`${helm} ${upgrade} || true`);
      assert.match(
        stderr,
        /: the CRDs of the classes are not there, and Helm creates them at an installation only: kubectl/,
      );
      assert.equal((await server.apply(rendered('crds'))).status, 0);
      await run(`${upgrade} --take-ownership`);
      assert.equal(server.find('ConnectorClass').length, 13);
    });

    it('takes over what kubectl has installed, if it is told to', async function () {
      needs('kubectl').call(this, () => undefined);
      for (const name of ['crds', 'standalone', 'classes'] as const) {
        assert.equal((await server.apply(rendered(name))).status, 0);
      }
      const own = ['DaemonSet', 'Deployment', 'CSIDriver', 'ClusterRole'];
      assert.ok(!own.flatMap((kind) => server.find(kind)).some(isAnnotated));
      await install(`${withProxy} --set namespace.create=true --take-ownership`);
      assert.ok(own.flatMap((kind) => server.find(kind)).every(isAnnotated));
    });

    it('has tokens passed as secrets as soon as each kubelet can do that', async () => {
      const isInSecrets = (): unknown =>
        (server.find('CSIDriver')[0]!['spec'] as Readonly<Record<string, unknown>>)['serviceAccountTokenInSecrets'];
      server.put(nodeOf('new', 'v1.36.1'));
      server.put(nodeOf('old', 'v1.34.9+k3s1'));
      await install();
      assert.equal(isInSecrets(), false);
      server.put(nodeOf('old', 'v1.35.0-eks-1a2b3c'));
      await run(`upgrade ${release.replace(' ', ` ${chart} `)} --reset-then-reuse-values`);
      assert.equal(isInSecrets(), true);
    });
  });
}
