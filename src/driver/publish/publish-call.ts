import type { IncomingPublish } from './publish-admission.js';
import type { PublishRequest } from './publish-request.js';

/**
 * A NodePublishVolume call before parsing. It is parsed inside the use case, because the response to a malformed
 * request depends on the mounted volume.
 */
export interface PublishCall {
  readonly volumeId: string;
  /** As in the request, even if that cannot be parsed; any text. */
  readonly targetPath: string;
  /**
   * Returns pod and size of the request without parsing it. @param isPodInfoTrusted whether the kubelet is known to set
   * the pod's identity.
   */
  readonly identify: (isPodInfoTrusted: boolean) => IncomingPublish;
  /** Reports whether the message equals that of an earlier parsed request. */
  readonly isRepeatOf: (request: PublishRequest) => boolean;
  /** Parses the request. @throws {CodedError} INVALID_ARGUMENT or FAILED_PRECONDITION if it is invalid. */
  readonly parse: () => PublishRequest;
}
