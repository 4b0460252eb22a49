/** The driver's service account in the manifests of deploy/. */
export const driverAccount = { namespace: 'connectors-system', name: 'connectors-csi' } as const;

/** Its name as a user of the API server. */
export const driverUser = `system:serviceaccount:${driverAccount.namespace}:${driverAccount.name}`;
