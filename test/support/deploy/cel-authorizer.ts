import { CelScalar, celMethod, mapType } from '@bufbuild/cel';
import type { CelFunc, CelMap } from '@bufbuild/cel';
import { AccessRules } from '../kube-api/access-rules.ts';
import type { PolicyRule } from '../kube-api/access-rules.ts';

const step = mapType(CelScalar.STRING, CelScalar.DYN);

function textAt(map: CelMap, key: string): string {
  const value = map.get(key);
  return typeof value === 'string' ? value : '';
}

/** `authorizer.group(…).resource(…).check(…).allowed()` of Kubernetes' CEL, each step a map. */
export const authorizerFunctions: readonly CelFunc[] = [
  celMethod('group', step, [CelScalar.STRING], step, function groupOf(group) {
    return { rules: textAt(this, 'rules'), group };
  }),
  celMethod('resource', step, [CelScalar.STRING], step, function resourceOf(resource) {
    return { rules: textAt(this, 'rules'), group: textAt(this, 'group'), resource };
  }),
  celMethod('check', step, [CelScalar.STRING], step, function checkOf(verb) {
    const rules = JSON.parse(textAt(this, 'rules')) as readonly PolicyRule[];
    return { allowed: isAllowed(rules, verb, textAt(this, 'group'), textAt(this, 'resource')) };
  }),
  celMethod('allowed', step, [], CelScalar.BOOL, function allowedOf() {
    return this.get('allowed') === true;
  }),
];

/** The variable `authorizer` of a user with these rules, in all namespaces. */
export function authorizerOf(rules: readonly PolicyRule[]): Readonly<Record<string, string>> {
  return { rules: JSON.stringify(rules) };
}

function isAllowed(rules: readonly PolicyRule[], verb: string, group: string, resource: string): boolean {
  const access = new AccessRules();
  access.bind({ user: 'asker', rules });
  const where = { isResource: true, path: '', subresource: '', namespace: '', name: '' };
  return access.isAllowed({ name: 'asker', groups: [] }, { ...where, verb, group, resource });
}
