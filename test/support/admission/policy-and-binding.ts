/** Namespaces with this label and the value `off` are left out. */
export const optOutLabel = 'connectors.alauda.io/volume-admission';

/** The requests that a policy is about. */
export interface ResourceRule {
  readonly apiGroups: readonly string[];
  readonly apiVersions: readonly string[];
  readonly operations: readonly ('CREATE' | 'UPDATE')[];
  readonly resources: readonly string[];
}

interface WarningPolicy {
  readonly name: string;
  /** Value of the label `app.kubernetes.io/component`. The component admission-deny denies what `admission` warns of. */
  readonly component: 'admission' | 'admission-warnings';
  readonly rules: readonly ResourceRule[];
  /** Whether namespaces can opt out with `optOutLabel`. */
  readonly canOptOut: boolean;
  readonly matchConditions: readonly object[];
  readonly variables: readonly object[];
  readonly validations: readonly object[];
}

/**
 * Returns a policy that warns, and its binding. A policy that cannot be evaluated is ignored, because the driver and the
 * proxy check each object again.
 */
export function policyAndBinding({ name, component, rules, canOptOut, ...spec }: WarningPolicy): readonly object[] {
  const labels = {
    'app.kubernetes.io/name': 'connectors-csi',
    'app.kubernetes.io/part-of': 'connectors',
    'app.kubernetes.io/component': component,
  };
  const apiVersion = 'admissionregistration.k8s.io/v1';
  const matchExpressions = [{ key: optOutLabel, operator: 'NotIn', values: ['off'] }];
  return [
    {
      apiVersion,
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name, labels },
      spec: {
        failurePolicy: 'Ignore',
        // The scope is what the API server would fill in: without it `kubectl apply` finds a difference each time.
        matchConstraints: { resourceRules: rules.map((rule) => ({ ...rule, scope: '*' })) },
        ...spec,
      },
    },
    {
      apiVersion,
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: { name, labels },
      spec: {
        policyName: name,
        validationActions: ['Warn'],
        ...(canOptOut ? { matchResources: { namespaceSelector: { matchExpressions } } } : {}),
      },
    },
  ];
}

/** Returns the rule for writes to resources of the Connector API. */
export function connectorApi(...resources: readonly string[]): readonly ResourceRule[] {
  const operations = ['CREATE', 'UPDATE'] as const;
  return [{ apiGroups: ['connectors.alauda.io'], apiVersions: ['v1alpha1'], operations, resources }];
}
