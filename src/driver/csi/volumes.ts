import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import type { PublishedVolumes, VolumeReport } from '../publish/published-volumes.ts';
import { firstExpiryMs } from '../publish/volume-tokens.ts';
import type { Volume } from './generated/connectors/volumes/v1/Volume.ts';
import type { VolumesHandlers } from './generated/connectors/volumes/v1/Volumes.ts';
import type { RpcEdge } from './unary.ts';
import { unary } from './unary.ts';
import { objectKey } from '../../shared/names.ts';

/** The driver's own service next to CSI: the volumes of this node with their pods, for `connectors-csi volumes`. */
export function volumesService(
  edge: RpcEdge,
  volumes: Pick<PublishedVolumes, 'reports'>,
): UntypedServiceImplementation {
  const handlers: VolumesHandlers = {
    ListVolumes: unary('ListVolumes', edge, () => ({ volumes: Array.from(volumes.reports(), messageOf) })),
  };
  return { ...handlers };
}

function messageOf({ volume, confirmed, failure }: VolumeReport): Volume {
  const { volumeId, pod, attributes } = volume.request;
  return {
    volume_id: volumeId,
    pod_namespace: pod.namespace,
    pod_name: pod.name,
    pod_uid: pod.uid,
    service_account: pod.serviceAccountName,
    connectors: attributes.connectors.map(objectKey),
    outcome: confirmed.outcome,
    outcome_at_ms: confirmed.atMs,
    token_expires_at_ms: firstExpiryMs(volume.input.tokens) ?? 0,
    failing_since_ms: failure?.sinceMs ?? 0,
    failure: failure?.message ?? '',
  };
}
