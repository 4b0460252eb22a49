import { CelScalar, celEnv, celMethod, listType, parse, plan } from '@bufbuild/cel';
import { strings } from '@bufbuild/cel/ext';
import type { Manifest } from './manifests.ts';

/** An AdmissionReview's request, as far as policies look at it. */
export interface AdmissionRequest {
  readonly operation: 'CREATE' | 'UPDATE';
  readonly group: string;
  /** With the subresource: `serviceaccounts/token`. */
  readonly resource: string;
  readonly namespace?: string;
  readonly username: string;
  readonly extra: Readonly<Record<string, readonly string[]>>;
  readonly object: unknown;
  /** Of an update. */
  readonly oldObject?: unknown;
  /** The object that the binding refers to, if it does. */
  readonly params?: unknown;
}

/** A change of an object (RFC 6902). */
interface JsonPatch {
  readonly op: string;
  readonly path: string;
  readonly value: unknown;
}

/** What a policy finds. */
interface PolicyVerdict {
  /** What the author is told, whether as a warning or as a denial. */
  readonly messages: readonly string[];
  /** Expressions that cannot be evaluated; what follows is for the failurePolicy to say. */
  readonly errors: readonly string[];
}

interface PolicySpec {
  readonly matchConstraints: { readonly resourceRules: readonly ResourceRule[] };
  readonly matchConditions?: readonly Named[];
  readonly variables?: readonly Named[];
  /** Of policies that validate. */
  readonly validations?: readonly Validation[];
  /** Of policies that mutate. */
  readonly mutations?: readonly { readonly jsonPatch: { readonly expression: string } }[];
}

interface Validation {
  readonly expression: string;
  readonly message: string;
  readonly messageExpression?: string;
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

type Bindings = Readonly<Record<string, unknown>>;

/** Of Kubernetes' own functions those that the policies use. */
const sum = celMethod('sum', listType(CelScalar.INT), [], CelScalar.INT, function sumOf() {
  return [...this].reduce<bigint>((total, item) => total + BigInt(Number(item)), 0n);
});
const indexOf = celMethod('indexOf', listType(CelScalar.DYN), [CelScalar.DYN], CelScalar.INT, function of(item) {
  return BigInt([...this].indexOf(item));
});
const environment = celEnv({ funcs: [...strings, sum, indexOf] });
const plans = new Map<string, ReturnType<typeof plan>>();
/** Longer ones, and those with line breaks, give way to the constant message. */
const maxMessageBytes = 5 * 1024;

/** What a ValidatingAdmissionPolicy says of a request, by a real CEL implementation. */
export function verdict(policy: Manifest, request: AdmissionRequest): PolicyVerdict {
  const messages: string[] = [];
  const bindings = bindingsOf(policy, request);
  if (bindings === undefined) return { messages, errors: [] };
  if (bindings instanceof Error) return { messages, errors: [bindings.message] };
  const errors: string[] = [];
  for (const validation of specOf(policy).validations ?? []) {
    const result = evaluate(validation.expression, bindings);
    if (result instanceof Error) errors.push(`${result.message}: ${validation.message}`);
    else if (result !== true) messages.push(messageOf(validation, bindings));
  }
  return { messages, errors };
}

/** How a MutatingAdmissionPolicy changes the object of a request. Throws where an expression cannot be evaluated. */
export function patches(policy: Manifest, request: AdmissionRequest): readonly JsonPatch[] {
  const bindings = bindingsOf(policy, request);
  if (bindings === undefined) return [];
  if (bindings instanceof Error) throw bindings;
  return (specOf(policy).mutations ?? []).flatMap(({ jsonPatch }) => {
    // The type of Kubernetes is a map here.
    const expression = jsonPatch.expression.replace(
      /JSONPatch\{op:(.*?), path:(.*), value:/s,
      "{'op':$1, 'path':$2, 'value':",
    );
    const result = evaluate(expression, bindings);
    if (result instanceof Error) throw result;
    return [...(result as Iterable<ReadonlyMap<string, unknown>>)].map((patch) => ({
      ...{ op: String(patch.get('op')), path: String(patch.get('path')), value: patch.get('value') },
    }));
  });
}

/** Its shape is checked with all that deploy/ has. */
function specOf(policy: Manifest): PolicySpec {
  return policy['spec'] as PolicySpec;
}

/**
 * Returns the names that expressions of a policy see, its variables included.
 * @returns undefined for a request that does not match, an error where that cannot be evaluated.
 */
function bindingsOf(policy: Manifest, request: AdmissionRequest): Bindings | Error | undefined {
  const spec = specOf(policy);
  if (!spec.matchConstraints.resourceRules.some((rule) => isMatch(rule, request))) return undefined;
  const { username, extra, operation, namespace = '', group, resource } = request;
  const bindings = celInput({
    object: request.object,
    oldObject: request.oldObject ?? null,
    params: request.params ?? null,
    request: { operation, namespace, resource: { group, resource }, userInfo: { username, extra } },
  }) as Bindings;
  for (const { name, expression } of spec.matchConditions ?? []) {
    const matches = evaluate(expression, bindings);
    if (matches instanceof Error) return new Error(`matchCondition ${name}: ${matches.message}`);
    if (matches !== true) return undefined;
  }
  const variables: Record<string, unknown> = {};
  // One may use those before it.
  for (const { name, expression } of spec.variables ?? []) {
    variables[name] = evaluate(expression, { ...bindings, variables });
  }
  return { ...bindings, variables };
}

function messageOf({ message, messageExpression }: Validation, bindings: Bindings): string {
  if (messageExpression === undefined) return message;
  const text = evaluate(messageExpression, bindings);
  const isUsable = typeof text === 'string' && text.trim() !== '' && !text.includes('\n');
  return isUsable && Buffer.byteLength(text) <= maxMessageBytes ? text : message;
}

function isMatch({ apiGroups, operations, resources }: ResourceRule, request: AdmissionRequest): boolean {
  return (
    (apiGroups.includes('*') || apiGroups.includes(request.group)) &&
    operations.includes(request.operation) &&
    resources.includes(request.resource)
  );
}

function evaluate(expression: string, bindings: Bindings): unknown {
  const planned = plans.get(expression) ?? plan(environment, parse(expression));
  plans.set(expression, planned);
  return planned(bindings as never);
}

/** JSON as CEL sees it: whole numbers are integers. */
function celInput(value: unknown): unknown {
  if (typeof value === 'number' && Number.isInteger(value)) return BigInt(value);
  if (Array.isArray(value)) return value.map(celInput);
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, celInput(member)]));
}
