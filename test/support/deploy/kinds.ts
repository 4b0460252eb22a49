import type { Structure } from './structure.ts';

/**
 * The kinds that deploy/ uses, as far as it uses them: a field that is not described here is taken for a typing error
 * until somebody has looked it up. Written from the Kubernetes, Prometheus operator and Tekton API references.
 */
const text: Structure = { type: 'string', minLength: 1 };
const anyText: Structure = { type: 'string' };
const flag: Structure = { type: 'boolean' };
const count: Structure = { type: 'integer' };
const anything: Structure = { 'x-kubernetes-preserve-unknown-fields': true };
const quantity: Structure = { type: 'string', pattern: '^[0-9]+(m|k|Ki|Mi|Gi)?$' };
const intOrText: Structure = { 'x-kubernetes-int-or-string': true };
const dnsName: Structure = {
  type: 'string',
  maxLength: 253,
  pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
};
const texts = list(text);
const textMap = mapOf(anyText);

function list(items: Structure): Structure {
  return { type: 'array', items };
}
function namedList(items: Structure): Structure {
  return { type: 'array', items, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] };
}
function mapOf(additionalProperties: Structure): Structure {
  return { type: 'object', additionalProperties };
}
function fields(
  required: Readonly<Record<string, Structure>>,
  optional: Readonly<Record<string, Structure>> = {},
): Structure {
  return { type: 'object', required: Object.keys(required), properties: { ...required, ...optional } };
}
function oneOf(...values: readonly string[]): Structure {
  return { type: 'string', enum: values };
}

const labels = mapOf({ type: 'string', maxLength: 63, pattern: '^([A-Za-z0-9]([-_.A-Za-z0-9]*[A-Za-z0-9])?)?$' });
const metaOptional = { labels, annotations: textMap };
const selector = fields({ matchLabels: labels });
const namespaced = fields({ name: dnsName, namespace: dnsName }, metaOptional);
const clusterScoped = fields({ name: dnsName }, metaOptional);

const seccompProfile = fields({ type: oneOf('RuntimeDefault') });
const containerSecurity = fields(
  {},
  {
    privileged: flag,
    allowPrivilegeEscalation: flag,
    readOnlyRootFilesystem: flag,
    runAsUser: count,
    runAsGroup: count,
    capabilities: fields({}, { drop: texts, add: texts }),
    seLinuxOptions: fields({}, { type: text }),
  },
);
const httpProbe = fields(
  { httpGet: fields({ path: { type: 'string', pattern: '^/' }, port: intOrText }) },
  { periodSeconds: count, failureThreshold: count, timeoutSeconds: count },
);
const environment = namedList(
  fields({ name: text }, { value: anyText, valueFrom: fields({ fieldRef: fields({ fieldPath: text }) }) }),
);
const mounts = list(
  fields(
    { name: text, mountPath: { type: 'string', pattern: '^/' } },
    { readOnly: flag, subPath: text, mountPropagation: oneOf('Bidirectional', 'HostToContainer', 'None') },
  ),
);
const container = fields(
  {
    name: dnsName,
    image: {
      type: 'string',
      pattern: '^(registry\\.example\\.com/)?[a-z0-9-]+(/[a-z0-9-]+)*(:[A-Za-z0-9._-]+|@sha256:[0-9a-f]{64})$',
    },
  },
  {
    command: texts,
    args: texts,
    env: environment,
    imagePullPolicy: oneOf('Always', 'IfNotPresent'),
    ports: namedList(fields({ name: { type: 'string', maxLength: 15 }, containerPort: count })),
    securityContext: containerSecurity,
    resources: fields({}, { requests: mapOf(quantity), limits: mapOf(quantity) }),
    startupProbe: httpProbe,
    livenessProbe: httpProbe,
    readinessProbe: httpProbe,
    terminationMessagePolicy: oneOf('File', 'FallbackToLogsOnError'),
    volumeMounts: mounts,
  },
);
const nodeSelectorTerm = fields({
  matchExpressions: list(fields({ key: text, operator: oneOf('In', 'NotIn'), values: texts })),
});
const nodeAffinity = fields({
  requiredDuringSchedulingIgnoredDuringExecution: fields({ nodeSelectorTerms: list(nodeSelectorTerm) }),
});
const inlineVolume = fields({ driver: dnsName, readOnly: flag }, { volumeAttributes: textMap });
const secretItems = list(fields({ key: text, path: text }));
const podSpec = fields(
  { containers: namedList(container), serviceAccountName: dnsName },
  {
    affinity: fields({ nodeAffinity }),
    automountServiceAccountToken: flag,
    enableServiceLinks: flag,
    nodeSelector: labels,
    priorityClassName: dnsName,
    restartPolicy: oneOf('Always', 'OnFailure', 'Never'),
    securityContext: fields(
      {},
      { runAsNonRoot: flag, runAsUser: count, runAsGroup: count, fsGroup: count, seccompProfile },
    ),
    terminationGracePeriodSeconds: count,
    topologySpreadConstraints: list(
      fields(
        {
          topologyKey: text,
          maxSkew: count,
          whenUnsatisfiable: oneOf('ScheduleAnyway', 'DoNotSchedule'),
          labelSelector: selector,
        },
        { matchLabelKeys: texts },
      ),
    ),
    tolerations: list(fields({}, { key: text, operator: oneOf('Exists', 'Equal'), effect: text, value: text })),
    volumes: namedList(
      fields(
        { name: dnsName },
        {
          hostPath: fields(
            { path: { type: 'string', pattern: '^/' } },
            { type: oneOf('Directory', 'DirectoryOrCreate') },
          ),
          configMap: fields({ name: dnsName }, { optional: flag }),
          emptyDir: fields({}, { sizeLimit: quantity }),
          csi: inlineVolume,
          projected: fields({ sources: list(fields({ secret: fields({ name: dnsName, items: secretItems }) })) }),
        },
      ),
    ),
  },
);
const podTemplate = fields({ spec: podSpec }, { metadata: fields({}, metaOptional) });

const rules = list(
  fields({ apiGroups: list(anyText), resources: texts, verbs: texts }, { resourceNames: list(anyText) }),
);
// A group of the cluster has an API group, a service account a namespace.
const subjects = list(
  fields(
    {
      kind: oneOf('ServiceAccount', 'Group'),
      name: { type: 'string', pattern: '^(system:)?[a-z0-9]([-a-z0-9]*[a-z0-9])?$' },
    },
    { namespace: dnsName, apiGroup: oneOf('rbac.authorization.k8s.io') },
  ),
);
const roleRef = fields({
  apiGroup: oneOf('rbac.authorization.k8s.io'),
  kind: oneOf('Role', 'ClusterRole'),
  // Names of roles are path segments; the cluster's own have colons.
  name: { type: 'string', pattern: '^(system:)?[a-z0-9]([-a-z0-9:.]*[a-z0-9])?$' },
});

const admissionRule = fields({
  apiGroups: list(anyText),
  apiVersions: texts,
  operations: list(oneOf('CREATE', 'UPDATE')),
  resources: texts,
  scope: oneOf('*'),
});

const tektonParams = namedList(
  fields({ name: text }, { type: oneOf('string', 'array'), description: text, default: anyText, value: anyText }),
);
const tektonStep = fields(
  { name: dnsName, image: text },
  {
    workingDir: text,
    env: environment,
    securityContext: containerSecurity,
    script: text,
    command: texts,
    args: texts,
    volumeMounts: mounts,
  },
);
const tektonTask = fields(
  { steps: namedList(tektonStep) },
  {
    description: text,
    params: tektonParams,
    workspaces: namedList(fields({ name: text }, { description: text, optional: flag })),
    results: namedList(fields({ name: text }, { description: text })),
    volumes: namedList(fields({ name: text, csi: inlineVolume })),
  },
);
const tektonBindings = namedList(
  fields({ name: text }, { csi: inlineVolume, persistentVolumeClaim: fields({ claimName: dnsName }) }),
);

function kind(body: Readonly<Record<string, Structure>>, metadata: Structure, optional = {}): Structure {
  return fields({ apiVersion: text, kind: text, metadata, ...body }, optional);
}

/** By `apiVersion kind`. Custom kinds of ours are not here: their own definitions describe them. */
export const kinds: Readonly<Record<string, Structure>> = {
  'v1 Namespace': kind({}, clusterScoped),
  'v1 ServiceAccount': kind({}, namespaced, {
    automountServiceAccountToken: flag,
    imagePullSecrets: list(fields({ name: dnsName })),
  }),
  'v1 ConfigMap': kind({ data: textMap }, namespaced),
  'v1 PersistentVolumeClaim': kind(
    { spec: fields({ accessModes: texts, resources: fields({ requests: mapOf(quantity) }) }) },
    namespaced,
  ),
  'v1 Secret': kind({ type: text }, namespaced, { data: textMap, stringData: textMap }),
  'v1 ResourceQuota': kind(
    {
      spec: fields(
        { hard: mapOf(quantity) },
        {
          scopeSelector: fields({
            matchExpressions: list(fields({ scopeName: oneOf('PriorityClass'), operator: oneOf('In'), values: texts })),
          }),
        },
      ),
    },
    namespaced,
  ),
  'flowcontrol.apiserver.k8s.io/v1 PriorityLevelConfiguration': kind(
    {
      spec: fields({
        type: oneOf('Limited'),
        limited: fields({
          nominalConcurrencyShares: count,
          lendablePercent: count,
          limitResponse: fields({
            type: oneOf('Queue'),
            queuing: fields({ queues: count, handSize: count, queueLengthLimit: count }),
          }),
        }),
      }),
    },
    clusterScoped,
  ),
  'flowcontrol.apiserver.k8s.io/v1 FlowSchema': kind(
    {
      spec: fields({
        priorityLevelConfiguration: fields({ name: dnsName }),
        matchingPrecedence: count,
        distinguisherMethod: fields({ type: oneOf('ByUser', 'ByNamespace') }),
        rules: list(
          fields({
            subjects: list(
              fields({
                kind: oneOf('ServiceAccount'),
                serviceAccount: fields({ namespace: dnsName, name: dnsName }),
              }),
            ),
            resourceRules: list(
              fields({ verbs: texts, apiGroups: texts, resources: texts, clusterScope: flag, namespaces: texts }),
            ),
          }),
        ),
      }),
    },
    clusterScoped,
  ),
  'v1 Pod': kind({ spec: podSpec }, namespaced),
  'batch/v1 Job': kind(
    { spec: fields({ template: podTemplate }, { backoffLimit: count, ttlSecondsAfterFinished: count }) },
    namespaced,
  ),
  'apps/v1 DaemonSet': kind(
    {
      spec: fields({
        selector: fields({ matchLabels: labels }),
        template: podTemplate,
        updateStrategy: fields({
          type: oneOf('RollingUpdate', 'OnDelete'),
          rollingUpdate: fields({}, { maxUnavailable: intOrText, maxSurge: intOrText }),
        }),
      }),
    },
    namespaced,
  ),
  'apps/v1 Deployment': kind(
    {
      spec: fields(
        {
          selector,
          template: podTemplate,
          strategy: fields({
            type: oneOf('RollingUpdate'),
            rollingUpdate: fields({}, { maxUnavailable: intOrText, maxSurge: intOrText }),
          }),
        },
        { replicas: count },
      ),
    },
    namespaced,
  ),
  'v1 Service': kind(
    {
      spec: fields({
        type: oneOf('ClusterIP'),
        selector: labels,
        ports: namedList(fields({ name: text, port: count, targetPort: intOrText })),
      }),
    },
    namespaced,
  ),
  'policy/v1 PodDisruptionBudget': kind(
    {
      spec: fields({
        maxUnavailable: intOrText,
        unhealthyPodEvictionPolicy: oneOf('AlwaysAllow', 'IfHealthyBudget'),
        selector,
      }),
    },
    namespaced,
  ),
  'networking.k8s.io/v1 NetworkPolicy': kind(
    {
      spec: fields(
        {
          podSelector: selector,
          policyTypes: list(oneOf('Ingress', 'Egress')),
          ingress: list(
            fields(
              { ports: list(fields({ protocol: oneOf('TCP', 'UDP'), port: intOrText })) },
              // Without it: from everywhere.
              { from: list(fields({ namespaceSelector: fields({}, { matchLabels: labels }) })) },
            ),
          ),
        },
        // Without anything: everywhere.
        { egress: list(fields({})) },
      ),
    },
    namespaced,
  ),
  'autoscaling/v2 HorizontalPodAutoscaler': kind(
    {
      spec: fields({
        scaleTargetRef: fields({ apiVersion: text, kind: text, name: dnsName }),
        minReplicas: count,
        maxReplicas: count,
        metrics: list(
          fields({
            type: oneOf('Resource'),
            resource: fields({
              name: oneOf('cpu', 'memory'),
              target: fields({ type: oneOf('AverageValue'), averageValue: quantity }),
            }),
          }),
        ),
        behavior: fields({
          scaleDown: fields({
            stabilizationWindowSeconds: count,
            policies: list(fields({ type: oneOf('Pods'), value: count, periodSeconds: count })),
          }),
        }),
      }),
    },
    namespaced,
  ),
  'rbac.authorization.k8s.io/v1 Role': kind({ rules }, namespaced),
  'rbac.authorization.k8s.io/v1 ClusterRole': kind({ rules }, clusterScoped),
  'rbac.authorization.k8s.io/v1 RoleBinding': kind({ roleRef, subjects }, namespaced),
  'rbac.authorization.k8s.io/v1 ClusterRoleBinding': kind({ roleRef, subjects }, clusterScoped),
  'storage.k8s.io/v1 CSIDriver': kind(
    {
      spec: fields(
        {
          attachRequired: flag,
          podInfoOnMount: flag,
          requiresRepublish: flag,
          storageCapacity: flag,
          fsGroupPolicy: oneOf('None', 'File', 'ReadWriteOnceWithFSType'),
          volumeLifecycleModes: list(oneOf('Ephemeral', 'Persistent')),
          tokenRequests: list(fields({ audience: text }, { expirationSeconds: count })),
        },
        { seLinuxMount: flag, serviceAccountTokenInSecrets: flag, preventPodSchedulingIfMissing: flag },
      ),
    },
    clusterScoped,
  ),
  'apiextensions.k8s.io/v1 CustomResourceDefinition': kind(
    {
      spec: fields({
        group: dnsName,
        scope: oneOf('Cluster', 'Namespaced'),
        names: fields({ kind: text, listKind: text, plural: text, singular: text }),
        versions: list(
          fields(
            { name: text, served: flag, storage: flag, schema: fields({ openAPIV3Schema: anything }) },
            {
              subresources: fields({}, { status: fields({}) }),
              additionalPrinterColumns: list(
                fields({ name: text, type: oneOf('string', 'date'), jsonPath: text }, { priority: count }),
              ),
            },
          ),
        ),
      }),
    },
    clusterScoped,
  ),
  'admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy': kind(
    {
      spec: fields(
        {
          failurePolicy: oneOf('Fail', 'Ignore'),
          matchConstraints: fields({
            resourceRules: list(admissionRule),
          }),
          validations: list(
            fields(
              { expression: text, message: { type: 'string', pattern: '^[^\\n]+$' } },
              { messageExpression: text },
            ),
          ),
        },
        {
          matchConditions: namedList(fields({ name: text, expression: text })),
          variables: namedList(fields({ name: text, expression: text })),
        },
      ),
    },
    clusterScoped,
  ),
  'admissionregistration.k8s.io/v1 ValidatingAdmissionPolicyBinding': kind(
    {
      spec: fields(
        { policyName: dnsName, validationActions: list(oneOf('Deny', 'Warn', 'Audit')) },
        {
          matchResources: fields({
            namespaceSelector: fields({
              matchExpressions: list(fields({ key: text, operator: oneOf('In', 'NotIn'), values: texts })),
            }),
          }),
        },
      ),
    },
    clusterScoped,
  ),
  'admissionregistration.k8s.io/v1 MutatingAdmissionPolicy': kind(
    {
      spec: fields(
        {
          failurePolicy: oneOf('Fail', 'Ignore'),
          reinvocationPolicy: oneOf('IfNeeded', 'Never'),
          matchConstraints: fields({ resourceRules: list(admissionRule) }),
          mutations: list(fields({ patchType: oneOf('JSONPatch'), jsonPatch: fields({ expression: text }) })),
        },
        {
          paramKind: fields({ apiVersion: text, kind: text }),
          matchConditions: namedList(fields({ name: text, expression: text })),
          variables: namedList(fields({ name: text, expression: text })),
        },
      ),
    },
    clusterScoped,
  ),
  'admissionregistration.k8s.io/v1 MutatingAdmissionPolicyBinding': kind(
    {
      spec: fields({
        policyName: dnsName,
        paramRef: fields({ selector: fields({}), parameterNotFoundAction: oneOf('Allow', 'Deny') }),
      }),
    },
    clusterScoped,
  ),
  'monitoring.coreos.com/v1 PodMonitor': kind(
    {
      spec: fields({
        selector: fields({ matchLabels: labels }),
        podMetricsEndpoints: list(
          fields(
            { port: text },
            {
              path: text,
              interval: text,
              relabelings: list(fields({ targetLabel: text, action: oneOf('replace') }, { sourceLabels: texts })),
            },
          ),
        ),
      }),
    },
    namespaced,
  ),
  'monitoring.coreos.com/v1 PrometheusRule': kind(
    {
      spec: fields({
        groups: namedList(
          fields({
            name: text,
            rules: list(
              fields(
                {
                  alert: { type: 'string', pattern: '^Connectors(CSI|Proxy)[A-Za-z]+$' },
                  expr: text,
                  for: { type: 'string', pattern: '^[0-9]+[mh]$' },
                  labels: fields({ severity: oneOf('critical', 'warning', 'info') }),
                  annotations: fields({ summary: text, description: text, runbook_url: text }),
                },
                {},
              ),
            ),
          }),
        ),
      }),
    },
    namespaced,
  ),
  'tekton.dev/v1 Task': kind({ spec: tektonTask }, namespaced),
  'tekton.dev/v1beta1 StepAction': kind(
    {
      spec: fields(
        { image: text },
        { params: tektonParams, command: texts, args: texts, env: environment, script: text },
      ),
    },
    namespaced,
  ),
  'tekton.dev/v1 TaskRun': kind(
    {
      spec: fields(
        { serviceAccountName: dnsName, workspaces: tektonBindings },
        { taskRef: fields({ name: dnsName }), taskSpec: tektonTask, params: tektonParams, timeout: text },
      ),
    },
    fields({ generateName: text, namespace: dnsName }, metaOptional),
  ),
  'argoproj.io/v1alpha1 Application': kind(
    {
      spec: fields(
        {
          project: dnsName,
          source: fields({
            ...{ repoURL: text, targetRevision: text, path: text },
            helm: fields({ releaseName: dnsName, skipCrds: flag, valuesObject: anything }),
          }),
          destination: fields({ server: text, namespace: dnsName }),
        },
        {
          ignoreDifferences: list(fields({ group: text, kind: text, jsonPointers: texts })),
          syncPolicy: fields({ managedNamespaceMetadata: fields({ labels }), syncOptions: texts }),
        },
      ),
    },
    namespaced,
  ),
  'source.toolkit.fluxcd.io/v1 GitRepository': kind(
    { spec: fields({ interval: text, url: text, ref: fields({ branch: text }) }) },
    namespaced,
  ),
  'helm.toolkit.fluxcd.io/v2 HelmRelease': kind(
    {
      spec: fields({
        ...{
          interval: text,
          releaseName: dnsName,
          targetNamespace: dnsName,
          storageNamespace: dnsName,
          values: anything,
        },
        chart: fields({
          spec: fields({
            ...{ chart: text, reconcileStrategy: oneOf('ChartVersion', 'Revision') },
            sourceRef: fields({ kind: oneOf('GitRepository'), name: dnsName }),
          }),
        }),
      }),
    },
    namespaced,
  ),
};
