import type { PolicyRule } from '../kube-api/access-rules.ts';

/** A right that somebody has forgotten to give. */
export type Lost = readonly [verb: string, resource: string];

/** The rule in pieces, one for each resource, so that one can lose a verb. */
export function without(rule: PolicyRule, [verb, resource]: Lost): readonly PolicyRule[] {
  return (rule.resources ?? []).map((each) => ({
    ...rule,
    resources: [each],
    verbs: each === resource ? rule.verbs.filter((other) => other !== verb) : rule.verbs,
  }));
}
