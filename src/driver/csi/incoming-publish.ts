import type { VolumeOwner } from '../publish/volume-memory.ts';
import type { FlowKey } from '../../shared/limits/flow-key.ts';
import { dns1123LabelProblem, dns1123SubdomainProblem } from '../../shared/names.ts';
import type { NodePublishVolumeRequest__Output } from './generated/csi/v1/NodePublishVolumeRequest.ts';
import { podKeys } from './publish-request.ts';

/** The kubelet's path of an inline volume, below its directory. Paths over the kernel's limit do not match. */
const targetOfPod = /\/pods\/([^/]+)\/volumes\/kubernetes\.io~csi\/[^/]+\/mount$/;
const maxPathLength = 4096;

/** The pod of a publish. */
interface PublishOrigin {
  readonly owner: FlowKey;
  /** Name of the pod in messages: `NAMESPACE/NAME`. */
  readonly pod: string;
  readonly memoryOwner: VolumeOwner;
}

/**
 * Identifies the pod of a publish without parsing the request. The pod's UID is in the target path, which always comes
 * from the kubelet. The namespace is in the volume's context, which the kubelet sets only if the CSIDriver object
 * requests it.
 * @param isPodInfoTrusted whether the object is known to request it.
 */
export function identifyPublish(request: NodePublishVolumeRequest__Output, isPodInfoTrusted: boolean): PublishOrigin {
  const { target_path: targetPath, volume_context: context } = request;
  const [, podUid = ''] = (targetPath.length <= maxPathLength ? targetOfPod.exec(targetPath) : undefined) ?? [];
  const namespace = context[podKeys.namespace] ?? '';
  const name = context[podKeys.name] ?? '';
  const isNamed = dns1123LabelProblem(namespace) === undefined && dns1123SubdomainProblem(name) === undefined;
  return {
    owner: { namespace: isPodInfoTrusted && isNamed ? namespace : '', podUid },
    pod: isNamed ? `${namespace}/${name}` : `of uid ${podUid}`,
    memoryOwner: { podUid, ...(isPodInfoTrusted && isNamed ? { pod: { namespace, name } } : {}) },
  };
}
