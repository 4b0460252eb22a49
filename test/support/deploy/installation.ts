import type { ControlPlane } from '../kubernetes/control-plane.ts';
import { eventually } from '../poll.ts';
import { allValues } from './all-values.ts';
import { renderChart } from './helm.ts';
import { rendered, type Manifest } from './manifests.ts';

/** The version of the API server of the tests. */
const kubeVersion = '1.36';
/** All values that this version has. */
export const allValuesOfServer = { ...allValues, driver: { ...allValues.driver, preventPodScheduling: false } };

/** Of the examples and of suites. */
const namespaces = ['ci', 'tools'].map((name): Manifest => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name },
}));
const api = 'connectors.alauda.io/v1alpha1';
const foreignKinds = [
  ['monitoring.coreos.com', 'v1', 'PodMonitor', 'PrometheusRule'],
  ['tekton.dev', 'v1', 'Task', 'TaskRun', 'Pipeline', 'PipelineRun'],
  ['tekton.dev', 'v1beta1', 'StepAction'],
] as const;
const foreignDefinitions = foreignKinds.flatMap(([group, version, ...names]) =>
  names.map((kind): Manifest => {
    const plural = `${kind.toLowerCase()}s`;
    const openAPIV3Schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
    return {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: `${plural}.${group}` },
      spec: {
        ...{ group, scope: 'Namespaced', names: { kind, plural } },
        versions: [{ name: version, served: true, storage: true, schema: { openAPIV3Schema } }],
      },
    };
  }),
);

/** Removes the chart's objects, however they were made, and those of suites, and waits until they are gone. */
export async function removeInstallation({ admin }: ControlPlane): Promise<void> {
  const remove = (objects: readonly Manifest[]): Promise<unknown> =>
    Promise.all(objects.map((one) => admin.remove(one)));
  // The API server waits for seconds until definitions have no objects any more.
  if ((await admin.request({ path: `/apis/${api}` })).code === 200) {
    for (const kind of ['Connector', 'ConnectorClass']) await remove(await admin.list(api, kind));
  }
  const objects = [
    ...(await renderChart(allValuesOfServer, { kubeVersion })),
    ...rendered('crds'),
    ...foreignDefinitions,
    ...namespaces,
  ];
  const own = objects.filter(({ kind, metadata }) => metadata.namespace === undefined && kind !== 'ConnectorClass');
  await remove(own);
  await eventually('the installation is gone', async () => {
    const found = await Promise.all(own.map((object) => admin.find(object)));
    return found.every((object) => object === undefined);
  });
}

/** Has the API server know the kinds of Tekton and of the Prometheus Operator, without their schemas. */
export async function putForeignKinds({ admin }: ControlPlane): Promise<void> {
  await admin.apply(foreignDefinitions);
  for (const [group, version, ...names] of foreignKinds) {
    for (const kind of names) {
      const path = `/apis/${group}/${version}/${kind.toLowerCase()}s`;
      await eventually(`${kind} is served`, async () => (await admin.request({ path })).code === 200);
    }
  }
}

/** Creates a node that no kubelet serves. */
export async function putNode({ admin }: ControlPlane, name: string, kubeletVersion: string): Promise<void> {
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name } };
  await admin.apply([node]);
  const path = `${await admin.pathOf(node)}/status`;
  await admin.request({
    method: 'PATCH',
    path,
    body: { status: { nodeInfo: { kubeletVersion } } },
    type: 'merge-patch+json',
  });
}
