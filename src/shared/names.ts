/** Returns `NAMESPACE/NAME` of an object, or its name if it is cluster-scoped: for messages, and as a key. */
export function objectKey({
  namespace,
  name,
}: {
  readonly namespace?: string | undefined;
  readonly name: string;
}): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/** Returns the problem of a DNS-1123 label (a namespace, at most 63 characters); undefined if it is valid. */
export function dns1123LabelProblem(name: string): string | undefined {
  if (name === '') return 'must not be empty';
  if (name.length > 63) return 'must be at most 63 characters';
  return /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(name)
    ? undefined
    : 'must be a DNS-1123 label: lower-case letters, digits and "-", with a letter or digit at both ends';
}

/**
 * Returns the problem of a DNS-1123 subdomain (most object names, at most 253 characters); undefined if it is valid.
 */
export function dns1123SubdomainProblem(name: string): string | undefined {
  if (name === '') return 'must not be empty';
  if (name.length > 253) return 'must be at most 253 characters';
  return /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(name)
    ? undefined
    : 'must be a DNS-1123 name: lower-case letters, digits, "-" and ".", with a letter or digit at both ends of each part';
}
