import { promisify } from 'node:util';
import { credentials } from '@grpc/grpc-js';
import type { ListVolumesResponse__Output } from '../driver/csi/generated/connectors/volumes/v1/ListVolumesResponse.js';
import type { Volume__Output } from '../driver/csi/generated/connectors/volumes/v1/Volume.js';
import { ownVolumes } from '../driver/csi/services.js';

/** Timeout in milliseconds; the driver responds from memory. */
const timeoutMs = 5000;

/** Returns the volumes of this node, as reported by the driver on that socket. @throws {Error} without a response. */
export async function listVolumes(socketPath: string): Promise<readonly Volume__Output[]> {
  const client = new ownVolumes.Volumes(`unix://${socketPath}`, credentials.createInsecure());
  try {
    const call = promisify(
      (done: (error: Error | null, response?: ListVolumesResponse__Output) => void) =>
        void client.listVolumes({}, { deadline: Date.now() + timeoutMs }, done),
    );
    const response = await call();
    if (response === undefined) throw new Error('an empty answer');
    return response.volumes;
  } finally {
    client.close();
  }
}
