import type { Manifest } from './manifests.js';

/**
 * What an API server adds to an object: values by field. A list has one element, which each item of the object's list gets.
 * A field with `?` at the end gets its values only where the object has the field.
 */
interface Defaults {
  readonly [field: string]: Defaults | readonly [Defaults] | string | number | boolean | readonly [];
}

const probe: Defaults = {
  initialDelaySeconds: 0,
  periodSeconds: 10,
  timeoutSeconds: 1,
  successThreshold: 1,
  failureThreshold: 3,
  'httpGet?': { scheme: 'HTTP' },
};

const podTemplate: Defaults = {
  metadata: { labels: {} },
  spec: {
    restartPolicy: 'Always',
    dnsPolicy: 'ClusterFirst',
    schedulerName: 'default-scheduler',
    terminationGracePeriodSeconds: 30,
    securityContext: {},
    containers: [
      {
        terminationMessagePath: '/dev/termination-log',
        terminationMessagePolicy: 'File',
        imagePullPolicy: 'IfNotPresent',
        resources: {},
        'ports?': [{ protocol: 'TCP' }],
        'env?': [{ 'valueFrom?': { 'fieldRef?': { apiVersion: 'v1' } } }],
        'startupProbe?': probe,
        'livenessProbe?': probe,
        'readinessProbe?': probe,
      },
    ],
    'volumes?': [{ 'hostPath?': { type: '' } }],
  },
};

const ruleMatching: Defaults = {
  matchPolicy: 'Equivalent',
  namespaceSelector: {},
  objectSelector: {},
  'resourceRules?': [{ scope: '*' }],
};

/** By kind, as Kubernetes 1.36 and the definitions of the Prometheus operator have them. */
const defaults: Readonly<Record<string, Defaults>> = {
  Namespace: { spec: { finalizers: [] }, status: { phase: 'Active' } },
  DaemonSet: {
    spec: {
      revisionHistoryLimit: 10,
      updateStrategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } },
      template: podTemplate,
    },
    status: {
      observedGeneration: 1,
      desiredNumberScheduled: 1,
      currentNumberScheduled: 1,
      updatedNumberScheduled: 1,
      numberAvailable: 1,
      numberReady: 1,
    },
  },
  Deployment: {
    spec: {
      replicas: 1,
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
      strategy: { rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
      template: podTemplate,
    },
    status: { observedGeneration: 1, replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2 },
  },
  Service: {
    spec: {
      clusterIP: '10.96.0.7',
      internalTrafficPolicy: 'Cluster',
      ipFamilyPolicy: 'SingleStack',
      sessionAffinity: 'None',
      ports: [{ protocol: 'TCP' }],
    },
  },
  NetworkPolicy: { spec: { 'ingress?': [{ 'ports?': [{ protocol: 'TCP' }] }] } },
  HorizontalPodAutoscaler: {
    spec: {
      behavior: {
        'scaleDown?': { selectPolicy: 'Max' },
        scaleUp: { stabilizationWindowSeconds: 0, selectPolicy: 'Max' },
      },
    },
  },
  CSIDriver: {
    spec: {
      attachRequired: true,
      podInfoOnMount: false,
      storageCapacity: false,
      requiresRepublish: false,
      seLinuxMount: false,
      fsGroupPolicy: 'ReadWriteOnceWithFSType',
    },
  },
  CustomResourceDefinition: { spec: { conversion: { strategy: 'None' } }, status: {} },
  ValidatingAdmissionPolicy: { spec: { failurePolicy: 'Fail', matchConstraints: ruleMatching } },
  ValidatingAdmissionPolicyBinding: { spec: { 'matchResources?': ruleMatching } },
  MutatingAdmissionPolicy: { spec: { matchConstraints: ruleMatching } },
  PodMonitor: { spec: { podMetricsEndpoints: [{ 'relabelings?': [{ action: 'replace' }] }] } },
};

/** The object as an API server keeps it. */
export function withServerDefaults(object: Manifest): Manifest {
  // Adds fields only, none of them one of a Manifest's own.
  return filled(object, defaults[object.kind] ?? {}) as Manifest;
}

function filled(value: unknown, added: Defaults | readonly [Defaults]): unknown {
  if (isList(added)) return Array.isArray(value) ? value.map((item) => filled(item, added[0])) : value;
  const object: Record<string, unknown> = { ...(value as object | undefined) };
  for (const [key, content] of Object.entries(added)) {
    const field = key.replace(/\?$/, '');
    if (!(field in object) && field !== key) continue;
    if (typeof content !== 'object') object[field] ??= content;
    else if (isEmpty(content)) object[field] ??= content;
    else object[field] = filled(object[field], content);
  }
  return object;
}

function isList(added: Defaults | readonly [Defaults]): added is readonly [Defaults] {
  return Array.isArray(added);
}

function isEmpty(content: object): content is readonly [] {
  return Array.isArray(content) && content.length === 0;
}
