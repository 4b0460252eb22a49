import type { ControlPlane } from '../kubernetes/control-plane.ts';
import { eventually } from '../poll.ts';
import { allValues } from './all-values.ts';
import { foreignDefinitions } from './foreign-kinds.ts';
import { renderChart } from './helm.ts';
import { rendered, type Manifest } from './manifests.ts';

/** The version of the API server of the tests. */
const kubeVersion = '1.36';
/** All values that this version has. */
export const allValuesOfServer = { ...allValues, driver: { ...allValues.driver, preventPodScheduling: false } };

/** Of the examples and of suites. */
const namespaces = ['agents', 'argocd', 'ci', 'flux-system', 'shared', 'smoke', 'team', 'tools'].map(
  (name): Manifest => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name },
  }),
);
const api = 'connectors.alauda.io/v1alpha1';

/**
 * Removes the chart's objects, however they were made, and those of suites, and waits until they are gone.
 * @param plane undefined in a suite that is skipped, whose hooks run nevertheless.
 */
export async function removeInstallation(plane: ControlPlane | undefined): Promise<void> {
  if (plane === undefined) return;
  const { admin } = plane;
  const remove = (objects: readonly Manifest[]): Promise<unknown> =>
    Promise.all(objects.map((one) => admin.remove(one)));
  // The API server waits for seconds until definitions have no objects any more.
  if ((await admin.request({ path: `/apis/${api}` })).code === 200) {
    for (const kind of ['AccessRequest', 'Connector', 'ConnectorClass']) await remove(await admin.list(api, kind));
  }
  const objects = [
    ...(await renderChart(allValuesOfServer, { kubeVersion })),
    ...rendered('crds'),
    ...foreignDefinitions,
    ...namespaces,
  ];
  const left = objects.filter(({ kind, metadata }) => metadata.namespace === undefined && kind !== 'ConnectorClass');
  await remove(left);
  await eventually(
    () => `the installation is gone: ${left[0]?.kind} ${left[0]?.metadata.name} is left`,
    async () => {
      // One request at a time: the API server would use both processors to answer for all until the namespaces are gone.
      while (left[0] !== undefined && (await admin.find(left[0])) === undefined) left.shift();
      return left.length === 0;
    },
  );
}

/** Applies objects in their order, each as soon as the API server knows its kind, and lets it be created. */
export async function applyAll({ admin }: ControlPlane, objects: readonly Manifest[]): Promise<void> {
  for (const object of objects) {
    let problem: unknown;
    await eventually(
      () => `${object.kind} ${object.metadata.name} is taken: ${String(problem)}`,
      () =>
        admin.apply([object]).then(
          () => true,
          (error: unknown) => {
            problem = error;
            return false;
          },
        ),
      30_000,
    );
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
