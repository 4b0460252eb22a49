import type { ServiceDefinition } from '@grpc/grpc-js';
import { withoutUnread } from './publish-request.js';
import { csi } from './services.js';

const { NodePublishVolume: publish } = csi.Node.service;

/** The definition of the Node service, whose publish requests contain only what the driver reads. */
export const nodeDefinition: ServiceDefinition = {
  ...csi.Node.service,
  NodePublishVolume: { ...publish, requestDeserialize: (bytes) => withoutUnread(publish.requestDeserialize(bytes)) },
};
