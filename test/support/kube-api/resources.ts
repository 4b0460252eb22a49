/** A kind that the test server stores. */
export interface StoredResource {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  /** Plural, as in the path. */
  readonly resource: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

const connectorsGroup = { group: 'connectors.alauda.io', version: 'v1alpha1' };
const core = { group: '', version: 'v1', namespaced: true };

export const storedResources: readonly StoredResource[] = [
  { ...connectorsGroup, resource: 'connectors', kind: 'Connector', namespaced: true },
  { ...connectorsGroup, resource: 'connectorclasses', kind: 'ConnectorClass', namespaced: false },
  { ...connectorsGroup, resource: 'accessrequests', kind: 'AccessRequest', namespaced: true },
  { ...core, resource: 'configmaps', kind: 'ConfigMap' },
  { ...core, resource: 'secrets', kind: 'Secret' },
  { ...core, resource: 'serviceaccounts', kind: 'ServiceAccount' },
  { group: 'coordination.k8s.io', version: 'v1', resource: 'leases', kind: 'Lease', namespaced: true },
  { group: 'discovery.k8s.io', version: 'v1', resource: 'endpointslices', kind: 'EndpointSlice', namespaced: true },
  { group: 'storage.k8s.io', version: 'v1', resource: 'csidrivers', kind: 'CSIDriver', namespaced: false },
];

export function apiVersionOf(resource: StoredResource): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
}

/** Only custom resources repeat `apiVersion` and `kind` in every item of a list. */
export function isCustom(resource: StoredResource): boolean {
  return resource.group === connectorsGroup.group;
}

interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly [field: string]: unknown;
}

/** An object as the server keeps it: the fields that it fills in are there. */
export interface StoredObject extends KubeObject {
  readonly metadata: ObjectMeta & {
    readonly uid: string;
    readonly resourceVersion: string;
    readonly generation: number;
    readonly creationTimestamp: string;
  };
}
