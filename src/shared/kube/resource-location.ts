import { CodedError } from '../errors.ts';

/** A resource type and its path at the API server. */
export interface ResourceType {
  /** `v1`, `storage.k8s.io/v1`, … */
  readonly apiVersion: string;
  readonly kind: string;
  /** Name in the path: `connectors`. */
  readonly plural: string;
}

/** A collection (without name), an object, or a subresource of an object. */
export interface ResourceLocation {
  readonly type: ResourceType;
  /** Absent for cluster-scoped kinds, and to list all namespaces. */
  readonly namespace?: string;
  readonly name?: string;
  readonly subresource?: string;
}

/**
 * Returns the URL path. Names are percent-encoded, so that a hostile name cannot change the path.
 * @throws {CodedError} INVALID_ARGUMENT for an invalid name.
 */
export function pathOf({ type, namespace, name, subresource }: ResourceLocation): string {
  const segments = [
    type.apiVersion.includes('/') ? 'apis' : 'api',
    ...type.apiVersion.split('/'),
    ...(namespace === undefined ? [] : ['namespaces', namespace]),
    type.plural,
    ...(name === undefined ? [] : [name]),
    ...(subresource === undefined ? [] : [subresource]),
  ];
  return segments.map((segment) => `/${encodeSegment(segment)}`).join('');
}

function encodeSegment(segment: string): string {
  if (['', '.', '..'].includes(segment)) {
    throw new CodedError('INVALID_ARGUMENT', `"${segment}" is no name of a Kubernetes object`);
  }
  return encodeURIComponent(segment);
}

/** Returns the label for metrics and logs: `connectors`, `serviceaccounts/token`. */
export function labelOf({ type, subresource }: ResourceLocation): string {
  return subresource === undefined ? type.plural : `${type.plural}/${subresource}`;
}
