import type { ResourceType } from '../kube/resource-location.ts';

/** The Connector API's group. */
export const connectorsGroup = 'connectors.alauda.io';
/** `apiVersion` of its objects. */
export const connectorsApiVersion = `${connectorsGroup}/v1alpha1`;

export const connectorType: ResourceType = {
  apiVersion: connectorsApiVersion,
  kind: 'Connector',
  plural: 'connectors',
};
export const connectorClassType: ResourceType = {
  apiVersion: connectorsApiVersion,
  kind: 'ConnectorClass',
  plural: 'connectorclasses',
};
