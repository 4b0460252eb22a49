import type { IncomingPublish } from '../../limits/publish-admission.js';
import { dns1123LabelProblem, dns1123SubdomainProblem } from '../../names.js';
import type { NodePublishVolumeRequest__Output } from './generated/csi/v1/NodePublishVolumeRequest.js';
import { podKeys } from './publish-request.js';

/** Where the kubelet puts inline volumes, below its directory; longer paths than the kernel knows are none. */
const targetOfPod = /\/pods\/([^/]+)\/volumes\/kubernetes\.io~csi\/[^/]+\/mount$/;
const maxPathLength = 4096;

/**
 * Whose call it is, read at the cost of a look. The pod's uid stands in the target path, which is the kubelet's own word
 * in any case; the namespace, in the volume's context, is so only where the CSIDriver object makes the kubelet set it.
 * @param isPodInfoTrusted whether it is known to do so.
 */
export function identifyPublish(request: NodePublishVolumeRequest__Output, isPodInfoTrusted: boolean): IncomingPublish {
  const { target_path: targetPath, volume_context: context, secrets } = request;
  const [, podUid = ''] = (targetPath.length <= maxPathLength ? targetOfPod.exec(targetPath) : undefined) ?? [];
  const namespace = context[podKeys.namespace] ?? '';
  const name = context[podKeys.name] ?? '';
  const isNamed = dns1123LabelProblem(namespace) === undefined && dns1123SubdomainProblem(name) === undefined;
  return {
    owner: { namespace: isPodInfoTrusted && isNamed ? namespace : '', podUid },
    pod: isNamed ? `${namespace}/${name}` : `of uid ${podUid}`,
    sizeBytes: lengthOf(context) + lengthOf(secrets),
  };
}

function lengthOf(entries: Readonly<Record<string, string>>): number {
  let length = 0;
  for (const [key, value] of Object.entries(entries)) length += key.length + value.length;
  return length;
}
