import assert from 'node:assert/strict';
import path from 'node:path';
import { allValuesOfOldest } from '../../support/deploy/all-values.ts';
import { foreignDefinitions, putForeignKinds } from '../../support/deploy/foreign-kinds.ts';
import { needsHelm, renderChart, type RenderOptions, type Values } from '../../support/deploy/helm.ts';
import { allValuesOfServer, applyAll, removeInstallation } from '../../support/deploy/installation.ts';
import {
  crdsFolder,
  deployFolder,
  manifestFiles,
  readManifests,
  rendered,
  type Manifest,
} from '../../support/deploy/manifests.ts';
import { sharedControlPlane } from '../../support/kubernetes/shared-control-plane.ts';

/** Each value that adds an object or a field, in each of its forms. */
const renderings: readonly (readonly [Values, RenderOptions?])[] = [
  [{}],
  [{}, { kubeVersion: '1.29' }],
  [{ proxy: { enabled: true } }],
  [allValuesOfServer],
  [allValuesOfOldest, { kubeVersion: '1.29' }],
  [{ ...allValuesOfServer, networkPolicy: true, admission: 'warn', volumeLimit: 0 }],
  [
    {
      monitoring: { podMonitors: true, prometheusNamespace: 'prometheus' },
      proxy: { enabled: true, credentialNamespaces: ['ci', 'tools'], identities: [{ namespace: 'tools' }] },
      imagePulls: { enabled: true },
    },
  ],
  [
    {
      proxy: { enabled: true, egress: { url: 'http://proxy.example.com:3128' } },
      imagePulls: { enabled: true, installer: 'off' },
    },
  ],
];
const files = [
  ...(['crds', 'driver', 'standalone', 'classes'] as const).map(rendered),
  ...['argo-cd', 'flux', 'tekton/runs'].map((name) =>
    readManifests(path.join(deployFolder, 'examples', `${name}.yaml`)),
  ),
];
const crds = manifestFiles(crdsFolder)
  .flatMap(readManifests)
  .filter(({ kind }) => kind === 'CustomResourceDefinition');
const nameOf = ({ kind, metadata }: Manifest): string =>
  `${kind} ${metadata.namespace ?? ''}/${metadata.name ?? metadata.generateName ?? ''}`;
/** The program of a workload: what runs as root on nodes cannot be restricted. */
const isPrivileged = ({ kind }: Manifest): boolean => kind === 'DaemonSet';
/** The only other one: without a value, the chart does not know whether all kubelets can do it. */
const documented = 'spec.serviceAccountTokenInSecrets is unset; ';
const unrestricted = 'would violate PodSecurity';

describe('an API server that takes no unknown field and no object that is not valid', () => {
  before(needsHelm);
  const plane = sharedControlPlane();
  let objects: readonly Manifest[];

  before(async () => {
    const { admin } = plane();
    const found = [
      ...files,
      ...(await Promise.all(renderings.map(([values, options]) => renderChart(values, options)))),
    ].flat();
    objects = [...new Map(found.map((object) => [JSON.stringify(object), object])).values()];
    await putForeignKinds(plane());
    await applyAll(plane(), [...crds, rendered('classes')[0]!]);
    const namespaces = new Set(objects.map(({ metadata }) => metadata.namespace ?? 'connectors-system'));
    // A workload whose pods do not meet the standard gets a warning.
    const labels = { 'pod-security.kubernetes.io/warn': 'restricted' };
    await admin.apply(
      [...namespaces].map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } })),
    );
  });
  after(() => removeInstallation(plane()));

  it('takes all objects that the chart and deploy have, with no warning that is not documented', async () => {
    assert.ok(objects.length > 100, String(objects.length));
    for (const object of objects) {
      const { code, text, warnings } = await plane().admin.create(object, 'dryRun=All&fieldValidation=Strict');
      // One that is there is validated as well.
      const isTaken = code === 201 || (code === 409 && text.includes('"reason":"AlreadyExists"'));
      assert.ok(isTaken, `${nameOf(object)}: ${text}`);
      const undocumented = warnings.filter((warning) => !warning.startsWith(documented));
      const expected = isPrivileged(object) ? [unrestricted] : [];
      assert.deepEqual(
        undocumented.map((warning) => warning.slice(0, unrestricted.length)),
        expected,
        nameOf(object),
      );
    }
  });

  it('is asked about each kind that deploy has', () => {
    const kinds = new Set(objects.map(({ kind }) => kind));
    for (const kind of [
      'Deployment',
      'DaemonSet',
      'PodMonitor',
      'PrometheusRule',
      'MutatingAdmissionPolicy',
      'FlowSchema',
    ])
      assert.ok(kinds.has(kind), kind);
  });

  for (const [what, spoil, message] of [
    ['an unknown field', { specs: {} }, /unknown field \\"specs\\"/],
    [
      'a boolean for a string',
      { metadata: { namespace: 'connectors-system', name: 'x', labels: { a: false } } },
      /labels/,
    ],
    ['a text for a list', { spec: { configurations: 'all' } }, /spec\.configurations: Invalid value: \\"string\\"/],
  ] as const) {
    it(`rejects ${what}`, async () => {
      const [connectorClass] = rendered('classes');
      const object = { ...connectorClass!, ...spoil } as Manifest;
      const { code, text } = await plane().admin.create(object, 'dryRun=All&fieldValidation=Strict');
      assert.ok(code === 400 || code === 422, text);
      assert.match(text, message);
    });
  }

  it('knows no kind of others in more than the fields that were looked up', async () => {
    const rule = objects.find(({ kind }) => kind === 'PrometheusRule')!;
    assert.ok(foreignDefinitions.length > 0);
    const object = { ...rule, spec: { ...(rule['spec'] as object), group: [] } };
    const { code, text } = await plane().admin.create(object, 'dryRun=All&fieldValidation=Strict');
    assert.equal(code, 400, text);
    assert.match(text, /unknown field \\"spec\.group\\"/);
  });
});
