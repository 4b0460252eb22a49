/** The Connector API's group. */
export const connectorsGroup = 'connectors.alauda.io';
/** `apiVersion` of its objects. */
export const connectorsApiVersion = `${connectorsGroup}/v1alpha1`;
