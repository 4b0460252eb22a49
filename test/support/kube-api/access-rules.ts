import type { User } from './identities.ts';

/** A rule of a Role or ClusterRole. */
export interface PolicyRule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  /** `connectors`, `connectors/proxy`, `*`, or a subresource of anything as in `*` + `/proxy`. */
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
}

export interface Binding {
  readonly user?: string;
  readonly group?: string;
  /** `namespace/name`. */
  readonly serviceAccount?: string;
  /** A RoleBinding's namespace; absent: everywhere, as with a ClusterRoleBinding. */
  readonly namespace?: string;
  readonly rules: readonly PolicyRule[];
}

export interface AccessQuestion {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
}

/** What every authenticated user may do of system:basic-user. */
const standardBinding: Binding = {
  group: 'system:authenticated',
  rules: [{ verbs: ['create'], apiGroups: ['authorization.k8s.io'], resources: ['selfsubjectaccessreviews'] }],
};

/** Kubernetes' RBAC authorizer: allowed when one rule of one binding allows. */
export class AccessRules {
  readonly #bindings = new Set<Binding>([standardBinding]);

  /** @returns takes the binding away again. */
  bind(binding: Binding): () => void {
    this.#bindings.add(binding);
    return () => this.#bindings.delete(binding);
  }

  isAllowed(user: User, question: AccessQuestion): boolean {
    return [...this.#bindings].some(
      (binding) =>
        isSubject(binding, user) &&
        (binding.namespace === undefined || binding.namespace === question.namespace) &&
        binding.rules.some((rule) => ruleAllows(rule, question)),
    );
  }
}

function isSubject(binding: Binding, user: User): boolean {
  const account = binding.serviceAccount?.replace('/', ':');
  return (
    binding.user === user.name ||
    (account !== undefined && user.name === `system:serviceaccount:${account}`) ||
    (binding.group !== undefined && user.groups.includes(binding.group))
  );
}

function ruleAllows(rule: PolicyRule, question: AccessQuestion): boolean {
  if (!rule.verbs.includes('*') && !rule.verbs.includes(question.verb)) return false;
  const groups = rule.apiGroups ?? [];
  return (
    (groups.includes('*') || groups.includes(question.group)) &&
    (rule.resources ?? []).some((resource) => resourceMatches(resource, question)) &&
    (rule.resourceNames === undefined || rule.resourceNames.includes(question.name))
  );
}

/** RBAC's ResourceMatches: the subresource is part of the name, and `*` + `/sub` stands for it under any resource. */
function resourceMatches(pattern: string, { resource, subresource }: AccessQuestion): boolean {
  if (pattern === '*') return true;
  if (subresource === '') return pattern === resource;
  return pattern === `${resource}/${subresource}` || pattern === `*/${subresource}`;
}
