import type { ControlPlane } from '../kubernetes/control-plane.ts';
import { eventually } from '../poll.ts';
import type { Manifest } from './manifests.ts';

/** Of OpenAPI, what definitions of kinds use. */
type Schema = Readonly<Record<string, unknown>>;

const text: Schema = { type: 'string', minLength: 1 };
const anyText: Schema = { type: 'string' };
const flag: Schema = { type: 'boolean' };
const texts = list(text);
const labels: Schema = { type: 'object', additionalProperties: anyText };
const anything: Schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };

function list(items: Schema): Schema {
  return { type: 'array', items };
}
function namedList(items: Schema): Schema {
  return { ...list(items), 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] };
}
function fields(required: Readonly<Record<string, Schema>>, optional: Readonly<Record<string, Schema>> = {}): Schema {
  return { type: 'object', required: Object.keys(required), properties: { ...required, ...optional } };
}
function oneOf(...values: readonly string[]): Schema {
  return { type: 'string', enum: values };
}

const podMonitor = fields({
  selector: fields({ matchLabels: labels }),
  podMetricsEndpoints: list(
    fields(
      { port: text },
      {
        ...{ path: text, interval: text },
        relabelings: list(fields({ targetLabel: text, action: oneOf('replace') }, { sourceLabels: texts })),
      },
    ),
  ),
});
const alert = fields({
  alert: { type: 'string', pattern: '^Connectors(CSI|Proxy)[A-Za-z]+$' },
  expr: text,
  for: { type: 'string', pattern: '^[0-9]+[mh]$' },
  labels: fields({ severity: oneOf('critical', 'warning', 'info') }),
  annotations: fields({ summary: text, description: text, runbook_url: text }),
});
const prometheusRule = fields({ groups: namedList(fields({ name: text, rules: list(alert) })) });

const environment = namedList(fields({ name: text, value: anyText }));
const params = namedList(
  fields({ name: text }, { type: oneOf('string', 'array'), description: text, default: anyText, value: anyText }),
);
const csi = fields({ driver: text, readOnly: flag }, { volumeAttributes: labels });
const step = fields(
  { name: text, image: text },
  {
    ...{ workingDir: text, env: environment, script: text, command: texts, args: texts },
    securityContext: fields(
      {},
      { privileged: flag, runAsUser: { type: 'integer' }, capabilities: fields({}, { drop: texts, add: texts }) },
    ),
    volumeMounts: list(fields({ name: text, mountPath: text }, { readOnly: flag, subPath: text })),
  },
);
const task = fields(
  { steps: namedList(step) },
  {
    ...{ description: text, params },
    workspaces: namedList(fields({ name: text }, { description: text, optional: flag })),
    results: namedList(fields({ name: text }, { description: text })),
    volumes: namedList(fields({ name: text, csi })),
  },
);
const taskRun = fields(
  {
    serviceAccountName: text,
    workspaces: namedList(fields({ name: text }, { csi, persistentVolumeClaim: fields({ claimName: text }) })),
  },
  { taskRef: fields({ name: text }), taskSpec: task, params, timeout: text },
);
const stepAction = fields({ image: text }, { params, command: texts, args: texts, env: environment, script: text });

const application = fields(
  {
    project: text,
    source: fields({
      ...{ repoURL: text, targetRevision: text, path: text },
      helm: fields({ releaseName: text, skipCrds: flag, valuesObject: anything }),
    }),
    destination: fields({ server: text, namespace: text }),
  },
  {
    ignoreDifferences: list(fields({ group: text, kind: text, jsonPointers: texts })),
    syncPolicy: fields({ managedNamespaceMetadata: fields({ labels }), syncOptions: texts }),
  },
);
const gitRepository = fields({ interval: text, url: text, ref: fields({ branch: text }) });
const helmRelease = fields({
  ...{ interval: text, releaseName: text, targetNamespace: text, storageNamespace: text, values: anything },
  chart: fields({
    spec: fields({
      ...{ chart: text, reconcileStrategy: oneOf('ChartVersion', 'Revision') },
      sourceRef: fields({ kind: oneOf('GitRepository'), name: text }),
    }),
  }),
});

/**
 * Kinds of others that deploy/ uses, as far as it uses them: a field that is not here is taken for a typing error until
 * somebody has looked it up. Written from the references of the Prometheus operator, Tekton, Argo CD and Flux.
 */
const kinds: readonly (readonly [apiVersion: string, kind: string, spec: Schema])[] = [
  ['monitoring.coreos.com/v1', 'PodMonitor', podMonitor],
  ['monitoring.coreos.com/v1', 'PrometheusRule', prometheusRule],
  ['tekton.dev/v1', 'Task', task],
  ['tekton.dev/v1', 'TaskRun', taskRun],
  ['tekton.dev/v1beta1', 'StepAction', stepAction],
  ['argoproj.io/v1alpha1', 'Application', application],
  ['source.toolkit.fluxcd.io/v1', 'GitRepository', gitRepository],
  ['helm.toolkit.fluxcd.io/v2', 'HelmRelease', helmRelease],
];

const pluralOf = (kind: string): string => `${kind.toLowerCase()}s`.replace(/ys$/, 'ies');

function definitionOf(apiVersion: string, kind: string, openAPIV3Schema: Schema): Manifest {
  const [group = '', version] = apiVersion.split('/');
  const plural = pluralOf(kind);
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      ...{ group, scope: 'Namespaced', names: { kind, plural } },
      versions: [{ name: version, served: true, storage: true, schema: { openAPIV3Schema } }],
    },
  };
}

/** The definition of a kind that may have any field, as Tekton's have it. */
export const looseDefinition = (apiVersion: string, kind: string): Manifest => definitionOf(apiVersion, kind, anything);

/** The definitions of kinds of others. */
export const foreignDefinitions = kinds.map(([apiVersion, kind, spec]) =>
  definitionOf(apiVersion, kind, { type: 'object', required: ['spec'], properties: { spec } }),
);

/** Has the API server know the kinds of others. */
export async function putForeignKinds({ admin }: ControlPlane): Promise<void> {
  await admin.apply(foreignDefinitions);
  for (const [apiVersion, kind] of kinds) {
    const path = `/apis/${apiVersion}/${pluralOf(kind)}`;
    await eventually(`${kind} is served`, async () => (await admin.request({ path })).code === 200);
  }
}
