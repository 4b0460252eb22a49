import { CodedError } from '../errors.js';

/** A kind of object and where the API server has it. */
export interface ResourceType {
  /** `v1`, `storage.k8s.io/v1`, … */
  readonly apiVersion: string;
  readonly kind: string;
  /** As in the path: `connectors`. */
  readonly plural: string;
}

/** A collection (without name), an object, or a subresource of an object. */
export interface ResourceLocation {
  readonly type: ResourceType;
  /** Absent for cluster-scoped kinds, and for a list over all namespaces. */
  readonly namespace?: string;
  readonly name?: string;
  readonly subresource?: string;
}

/**
 * The URL path; names are percent-encoded, so that no name can leave its place.
 * @throws {CodedError} INVALID_ARGUMENT for a name that is none.
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

/** For metrics and logs: `connectors`, `serviceaccounts/token`. */
export function labelOf({ type, subresource }: ResourceLocation): string {
  return subresource === undefined ? type.plural : `${type.plural}/${subresource}`;
}
