import { celEnv, parse, plan } from '@bufbuild/cel';
import type { Manifest } from './manifests.js';

/** An AdmissionReview's request, as far as policies look at it. */
export interface AdmissionRequest {
  readonly operation: 'CREATE' | 'UPDATE';
  readonly group: string;
  /** With the subresource: `serviceaccounts/token`. */
  readonly resource: string;
  readonly username: string;
  readonly extra: Readonly<Record<string, readonly string[]>>;
  readonly object: unknown;
}

interface PolicySpec {
  readonly matchConstraints: { readonly resourceRules: readonly ResourceRule[] };
  readonly matchConditions?: readonly Named[];
  readonly variables?: readonly Named[];
  readonly validations: readonly { readonly expression: string; readonly message: string }[];
}

interface ResourceRule {
  readonly apiGroups: readonly string[];
  readonly operations: readonly string[];
  readonly resources: readonly string[];
}

interface Named {
  readonly name: string;
  readonly expression: string;
}

const environment = celEnv();

/**
 * What a ValidatingAdmissionPolicy with the failurePolicy Fail denies a request for; empty: admitted. Its expressions are
 * evaluated by a real CEL implementation; an expression that fails denies.
 */
export function denials(policy: Manifest, request: AdmissionRequest): readonly string[] {
  // Its shape is checked with all that deploy/ has.
  const spec = policy['spec'] as PolicySpec;
  if (!spec.matchConstraints.resourceRules.some((rule) => isMatch(rule, request))) return [];
  const { username, extra, operation } = request;
  const bindings = { object: request.object, request: { operation, userInfo: { username, extra } } };
  for (const { name, expression } of spec.matchConditions ?? []) {
    const matches = evaluate(expression, bindings);
    if (matches instanceof Error) return [`matchCondition ${name}: ${matches.message}`];
    if (matches !== true) return [];
  }
  const variables = Object.fromEntries(
    (spec.variables ?? []).map(({ name, expression }) => [name, evaluate(expression, bindings)]),
  );
  return spec.validations.flatMap(({ expression, message }) =>
    evaluate(expression, { ...bindings, variables }) === true ? [] : [message],
  );
}

function isMatch({ apiGroups, operations, resources }: ResourceRule, request: AdmissionRequest): boolean {
  return (
    (apiGroups.includes('*') || apiGroups.includes(request.group)) &&
    operations.includes(request.operation) &&
    resources.includes(request.resource)
  );
}

function evaluate(expression: string, bindings: Readonly<Record<string, unknown>>): unknown {
  return plan(environment, parse(expression))(celInput(bindings) as never);
}

/** JSON as CEL sees it: whole numbers are integers. */
function celInput(value: unknown): unknown {
  if (typeof value === 'number' && Number.isInteger(value)) return BigInt(value);
  if (Array.isArray(value)) return value.map(celInput);
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, celInput(member)]));
}
