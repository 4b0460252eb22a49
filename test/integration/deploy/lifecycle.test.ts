import assert from 'node:assert/strict';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { driver } from '../../support/deploy/driver-objects.ts';
import { helms, needsHelm } from '../../support/deploy/helm.ts';
import { putForeignKinds } from '../../support/deploy/foreign-kinds.ts';
import { allValuesOfServer, putNode, removeInstallation } from '../../support/deploy/installation.ts';
import { chartFolder, only, rendered, repository, type Manifest } from '../../support/deploy/manifests.ts';
import { needs } from '../../support/e2e/rendered-classes.ts';
import type { CommandRun, ControlPlane } from '../../support/kubernetes/control-plane.ts';
import { sharedControlPlane } from '../../support/kubernetes/shared-control-plane.ts';

const release = '--namespace connectors-system';
const classes = rendered('classes').length;
const image = '--set image.repository=r/connectors-csi';
const withProxy = `${image} --set proxy.enabled=true`;
const kinds = {
  AccessRequest: 'connectors.alauda.io/v1alpha1',
  ClusterRole: 'rbac.authorization.k8s.io/v1',
  Connector: 'connectors.alauda.io/v1alpha1',
  ConnectorClass: 'connectors.alauda.io/v1alpha1',
  CSIDriver: 'storage.k8s.io/v1',
  CustomResourceDefinition: 'apiextensions.k8s.io/v1',
  DaemonSet: 'apps/v1',
  Deployment: 'apps/v1',
  Lease: 'coordination.k8s.io/v1',
  Namespace: 'v1',
  Secret: 'v1',
  Service: 'v1',
  ServiceAccount: 'v1',
  ValidatingAdmissionPolicy: 'admissionregistration.k8s.io/v1',
} as const;
type Kind = keyof typeof kinds;
/** Of what kubectl has applied, what a release has to have as its own. */
const takenOver = [
  ...(['CSIDriver', 'ConnectorClass', 'CustomResourceDefinition'] as const),
  ...(['DaemonSet', 'Deployment', 'ValidatingAdmissionPolicy'] as const),
];

/** In one line. */
const page = readFileSync(path.join(repository, 'docs', 'installation.md'), 'utf8').replaceAll(/(?:\\?\s)+/g, ' ');
/** Flags on the page: to take over from kubectl, with the newest Helm and with the older one; after a removal; for a proxy. */
const [, common = '', ofNewest = '', ofOlder = ''] =
  /add `(--[a-z-]+)` to `helm install`, and with Helm 4 `(--[a-z-]+)`, with Helm 3 `(--[a-z-]+)`,/.exec(page) ?? [];
const [, againOfOlder = ''] = /With Helm 3, a later `helm install` needs `(--[a-z-]+)`,/.exec(page) ?? [];
const [, proxyLater = ''] = /--reset-then-reuse-values ((?:--[a-z-]+ )*--set proxy.enabled=true) ```/.exec(page) ?? [];

for (const [index, helm] of helms.entries()) {
  const isNewest = index === helms.length - 1;
  /**
   * Helm 4 applies on the server, where it has to take the fields from kubectl as well. Helm 3 patches by what it has
   * installed before, so that custom resources which are there stay as they are, unless it replaces them.
   */
  const takeOver = `${common} ${isNewest ? ofNewest : ofOlder}`;

  describe(`a release of the ${isNewest ? 'newest' : 'older'} Helm`, () => {
    const plane = sharedControlPlane();
    let chart: string;
    beforeEach(() => {
      chart = path.join(plane().folder, 'chart');
      cpSync(chartFolder, chart, { recursive: true });
    });
    afterEach(async () => {
      await plane().run(`${helm} uninstall connectors-csi ${release} --ignore-not-found`);
      await removeInstallation(plane());
    });

    async function run(command: string): Promise<CommandRun> {
      const result = await plane().run(command);
      assert.deepEqual([result.status, result.stderr], [0, ''], command);
      return result;
    }
    const install = (flags = withProxy): Promise<CommandRun> =>
      run(`${helm} install connectors-csi ${chart} ${release} --create-namespace ${flags}`);
    /** Both Helms render the same (chart.test.ts), so one of them installs what only templates decide. */
    const ofTemplates = (title: string, test: () => Promise<void>): void => void (isNewest && it(title, test));
    const upgradeOf = (flags: string): string =>
      `${helm} upgrade connectors-csi ${chart} ${release} --reset-then-reuse-values ${flags}`;

    it('is installed by one command, upgrades the CRDs too, is rolled back, and leaves what users have made', async () => {
      const { admin } = plane();
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
        ['ConnectorClass', classes],
        ['DaemonSet', 1],
        ['Deployment', 1],
      ] as const) {
        const found = await ownOf(plane(), kind);
        assert.equal(found.length, count, kind);
        assert.ok(found.every(isAnnotated), kind);
      }

      await admin.apply([
        { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ci' } },
        {
          ...object('Connector', 'ci', 'harbor'),
          spec: { connectorClassName: 'harbor', address: 'https://h.example' },
        },
        { ...object('Secret', 'connectors-system', 'connectors-proxy-ca'), type: 'Opaque' },
        object('Lease', 'connectors-system', 'connectors-proxy-service'),
      ]);
      const crd = path.join(chart, 'charts', 'crds', 'crds', 'connectors.yaml');
      const text = readFileSync(crd, 'utf8');
      writeFileSync(crd, text.replace('      served: true\n', '      served: true\n      deprecated: true\n'));
      const oci = path.join(chart, 'files', 'classes', 'oci.yaml');
      writeFileSync(
        oci,
        readFileSync(oci, 'utf8').replace('displayName: User name and password', 'displayName: Newer'),
      );
      /** Whether CRDs and classes are those of the newer chart. */
      const areNew = async (): Promise<readonly boolean[]> => [
        JSON.stringify(await ownOf(plane(), 'CustomResourceDefinition')).includes('"deprecated":true'),
        JSON.stringify(await ownOf(plane(), 'ConnectorClass')).includes('"displayName":"Newer"'),
      ];
      const imageOf = async (): Promise<string> => driver(await ownOf(plane(), 'DaemonSet')).image;
      await run(upgradeOf('--set-string image.tag=7'));
      assert.deepEqual([await imageOf(), ...(await areNew())], ['r/connectors-csi:7', true, true]);

      await run(`${helm} rollback connectors-csi 1 ${release}`);
      assert.deepEqual([(await imageOf()) === 'r/connectors-csi:7', ...(await areNew())], [false, false, false]);

      await run(`${helm} uninstall connectors-csi ${release}`);
      const left = await Promise.all(
        (Object.keys(kinds) as Kind[]).map(async (kind) => [kind, (await ownOf(plane(), kind)).length] as const),
      );
      assert.deepEqual(Object.fromEntries(left.filter(([, count]) => count > 0)), {
        ...{ Connector: 1, ConnectorClass: classes, CustomResourceDefinition: 3, Lease: 1, Namespace: 1, Secret: 1 },
      });
      // It takes what it has left, and makes it new.
      await install(`${withProxy} ${isNewest ? '' : againOfOlder}`);
      assert.deepEqual(await areNew(), [true, true]);
    });

    ofTemplates('has all values, and none of them again', async () => {
      await putForeignKinds(plane());
      // Of the identities.
      await plane().admin.apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ci' } }]);
      const values = path.join(plane().folder, 'values.json');
      writeFileSync(values, JSON.stringify({ ...allValuesOfServer, namespace: { create: false } }));
      await install(`--values ${values}`);
      assert.equal((await ownOf(plane(), 'DaemonSet')).length, 2);
      await run(`${helm} upgrade connectors-csi ${chart} ${release} --reset-values ${image}`);
      assert.equal((await ownOf(plane(), 'DaemonSet')).length, 1);
    });

    ofTemplates('leaves the CRDs of a Connectors system alone', async () => {
      const { admin } = plane();
      const definitions = rendered('crds').filter(({ kind }) => kind === 'CustomResourceDefinition');
      await admin.apply(definitions.map((one) => ({ ...one, metadata: { name: one.metadata.name ?? '' } })));
      const specs = async (): Promise<unknown> =>
        (await ownOf(plane(), 'CustomResourceDefinition')).map(({ metadata, spec }) => [metadata.labels, spec]);
      const before = await specs();
      await install(image);
      await run(`${helm} uninstall connectors-csi ${release}`);
      assert.deepEqual(await specs(), before);
    });

    it('gets a proxy later, after the CRDs, by the command of the page', async () => {
      await install(image);
      const { stderr } = await plane().run(`${upgradeOf('--set proxy.enabled=true')} || true`);
      const [, crds] =
        /: the CRDs of the classes are not there, and .*: (kubectl .*), then upgrade again with --take-ownership$/m.exec(
          stderr,
        ) ?? [];
      assert.ok(crds, stderr);
      await run(crds.replace('deploy/', `${path.dirname(chartFolder)}/`));
      await run(upgradeOf(proxyLater));
      assert.equal((await ownOf(plane(), 'ConnectorClass')).length, classes);
    });

    for (const [made, folder] of [
      ['has applied', path.join(chartFolder, '..', 'manifests')],
      [
        'had applied before there was a chart',
        path.join(repository, 'test', 'fixtures', 'installations', 'kustomized'),
      ],
    ] as const) {
      it(`takes over what kubectl ${made}, if it is told to`, async function () {
        needs('kubectl').call(this, () => undefined);
        for (const name of ['crds', 'standalone', 'classes']) {
          const { status, stderr } = await plane().run(`kubectl apply -f ${path.join(folder, name)}.yaml`);
          assert.equal(status, 0, stderr);
        }
        const own = async (): Promise<readonly Manifest[]> =>
          (await Promise.all(takenOver.map((kind) => ownOf(plane(), kind)))).flat();
        // Manifests of CRDs have the annotations already.
        assert.ok(!(await own()).some((one) => one.kind !== 'CustomResourceDefinition' && isAnnotated(one)));
        await install(`${withProxy} ${takeOver}`);
        const taken = await own();
        assert.ok(taken.every(isAnnotated));
        // Not only the annotation is new.
        const newer = [...rendered('crds'), ...rendered('classes')].filter(({ kind }) => kind !== 'ClusterRole');
        for (const wanted of newer) {
          const found = only(taken, wanted.kind, wanted.metadata.name);
          assert.partialDeepStrictEqual(found['spec'], wanted['spec'], wanted.metadata.name);
        }
      });
    }

    ofTemplates('has tokens passed as secrets as soon as each kubelet can do that', async () => {
      const isInSecrets = async (): Promise<unknown> =>
        (only(await ownOf(plane(), 'CSIDriver'), 'CSIDriver')['spec'] as Manifest)['serviceAccountTokenInSecrets'];
      await putNode(plane(), 'new', 'v1.36.1');
      await putNode(plane(), 'old', 'v1.34.9+k3s1');
      await install(image);
      assert.equal(await isInSecrets(), false);
      await putNode(plane(), 'old', 'v1.35.0-eks-1a2b3c');
      await run(upgradeOf(''));
      assert.equal(await isInSecrets(), true);
      for (const name of ['new', 'old'])
        await plane().admin.remove({ apiVersion: 'v1', kind: 'Node', metadata: { name } });
    });
  });
}

describe('a release', () => {
  before(needsHelm);

  it('is tried with each Helm', () => assert.ok(helms.length > 0));
});

function isAnnotated({ metadata }: Manifest): boolean {
  return JSON.stringify(metadata).includes('"meta.helm.sh/release-name":"connectors-csi"');
}

function object(kind: Kind, namespace: string, name: string): Manifest {
  return { apiVersion: kinds[kind], kind, metadata: { namespace, name } };
}

/** Objects of a kind that the API server and its controllers have not made themselves. */
async function ownOf({ admin }: ControlPlane, kind: Kind): Promise<readonly Manifest[]> {
  const objects = await admin.list(kinds[kind], kind);
  return objects.filter(({ metadata }) => {
    const place = `${metadata.namespace ?? ''}/${metadata.name ?? ''}`;
    return (
      /connectors|^ci\/|^\/[a-z0-9]+$/.test(place) &&
      !/^\/(?:default|admin|edit|view|ci|cluster-admin)$|\/default$/.test(place)
    );
  });
}
