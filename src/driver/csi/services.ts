import { loadPackageDefinition } from '@grpc/grpc-js';
import type { Options } from '@grpc/proto-loader';
import { fromJSON } from '@grpc/proto-loader';
import csiDescriptor from './generated/csi.descriptor.json' with { type: 'json' };
import type { ProtoGrpcType as CsiTypes } from './generated/csi.ts';
import registrationDescriptor from './generated/pluginregistration.descriptor.json' with { type: 'json' };
import type { ProtoGrpcType as RegistrationTypes } from './generated/pluginregistration.ts';

import volumesDescriptor from './generated/volumes.descriptor.json' with { type: 'json' };
import type { ProtoGrpcType as VolumesTypes } from './generated/volumes.ts';

/** The options that generated the message types (.ci/generate.mjs); the two must agree. */
const messageOptions: Options = { keepCase: true, longs: Number, enums: String, defaults: true, oneofs: true };

function load(descriptor: unknown): unknown {
  return loadPackageDefinition(fromJSON(descriptor as Parameters<typeof fromJSON>[0], messageOptions));
}

// One build step generates the types and the descriptors from the same .proto files.
export const csi = (load(csiDescriptor) as CsiTypes).csi.v1;
export const pluginRegistration = (load(registrationDescriptor) as RegistrationTypes).pluginregistration;
export const ownVolumes = (load(volumesDescriptor) as VolumesTypes).connectors.volumes.v1;
