/** The part of OpenAPI that CustomResourceDefinitions use; our own descriptions of built-in kinds are written in it too. */
export interface Structure {
  readonly description?: string;
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  readonly properties?: Readonly<Record<string, Structure>>;
  readonly additionalProperties?: Structure;
  readonly required?: readonly string[];
  readonly items?: Structure;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly 'x-kubernetes-int-or-string'?: boolean;
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
  readonly 'x-kubernetes-list-type'?: string;
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
}

/**
 * What is wrong with `value`, each with its path; empty when nothing is. As strict as `kubectl apply` with
 * server-side field validation: a field that the structure does not know is a problem.
 */
export function structureProblems(structure: Structure, value: unknown, path = '$'): string[] {
  if (structure['x-kubernetes-int-or-string']) {
    return typeof value === 'string' || Number.isInteger(value) ? [] : [`${path}: neither integer nor string`];
  }
  const type = typeOf(value);
  const fits = !structure.type || type === structure.type || (structure.type === 'number' && type === 'integer');
  if (!fits) return [`${path}: ${type} instead of ${structure.type ?? ''}`];
  const problems: string[] = [];
  if (structure.enum && !structure.enum.includes(value))
    problems.push(`${path}: not one of ${structure.enum.join(', ')}`);
  if (typeof value === 'string') problems.push(...stringProblems(structure, value, path));
  if (Array.isArray(value)) problems.push(...arrayProblems(structure, value, path));
  else if (isRecord(value)) problems.push(...objectProblems(structure, value, path));
  return problems;
}

function stringProblems(structure: Structure, value: string, path: string): string[] {
  const problems: string[] = [];
  if (structure.pattern && !new RegExp(structure.pattern).test(value))
    problems.push(`${path}: not ${structure.pattern}`);
  if (value.length < (structure.minLength ?? 0)) problems.push(`${path}: too short`);
  if (value.length > (structure.maxLength ?? Infinity)) problems.push(`${path}: too long`);
  return problems;
}

function arrayProblems(structure: Structure, value: readonly unknown[], path: string): string[] {
  const problems = value.flatMap((item, index) =>
    structure.items ? structureProblems(structure.items, item, `${path}[${index}]`) : [],
  );
  if (structure['x-kubernetes-list-type'] === 'map') {
    const keys = value.map((item) =>
      JSON.stringify(structure['x-kubernetes-list-map-keys']?.map((key) => (isRecord(item) ? item[key] : undefined))),
    );
    if (new Set(keys).size !== keys.length) problems.push(`${path}: two items with the same key`);
  }
  return problems;
}

function objectProblems(structure: Structure, value: Readonly<Record<string, unknown>>, path: string): string[] {
  const problems = (structure.required ?? [])
    .filter((name) => !Object.hasOwn(value, name))
    .map((name) => `${path}.${name}: missing`);
  for (const [name, field] of Object.entries(value)) {
    const known = structure.properties?.[name] ?? structure.additionalProperties;
    if (known) problems.push(...structureProblems(known, field, `${path}.${name}`));
    else if (!structure['x-kubernetes-preserve-unknown-fields'] && !isAnything(structure)) {
      problems.push(`${path}.${name}: unknown field`);
    }
  }
  return problems;
}

/** `{type: object}` alone, as CRDs say for metadata. */
function isAnything(structure: Structure): boolean {
  return !structure.properties && !structure.additionalProperties;
}

/**
 * Why an API server would not take this as the schema of a CustomResourceDefinition ("structural schema" in the
 * Kubernetes documentation): a type everywhere, list-map keys that every item has.
 */
export function structuralSchemaProblems(structure: Structure, path = '$'): string[] {
  const problems: string[] = [];
  if (
    !structure.type &&
    !structure['x-kubernetes-preserve-unknown-fields'] &&
    !structure['x-kubernetes-int-or-string']
  ) {
    problems.push(`${path}: no type`);
  }
  if (structure.properties && structure.additionalProperties) {
    problems.push(`${path}: properties and additionalProperties exclude each other`);
  }
  if (structure.type === 'array' && !structure.items) problems.push(`${path}: an array without items`);
  for (const key of structure['x-kubernetes-list-map-keys'] ?? []) {
    if (!structure.items?.required?.includes(key)) problems.push(`${path}: map key ${key} is not required in items`);
  }
  for (const name of structure.required ?? []) {
    if (!structure.properties?.[name]) problems.push(`${path}: requires ${name}, which it does not describe`);
  }
  for (const [name, child] of Object.entries(structure.properties ?? {})) {
    problems.push(...structuralSchemaProblems(child, `${path}.${name}`));
  }
  if (structure.items) problems.push(...structuralSchemaProblems(structure.items, `${path}[]`));
  if (structure.additionalProperties) {
    problems.push(...structuralSchemaProblems(structure.additionalProperties, `${path}.*`));
  }
  return problems;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (value === null) return 'null';
  return Number.isInteger(value) ? 'integer' : typeof value;
}
