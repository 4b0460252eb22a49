import type { IncomingPublish } from '../../limits/publish-admission.js';
import type { PublishRequest } from './publish-request.js';

/**
 * A call of the kubelet as it came. What it asks for is read inside the use case, since what the answer to a mistake may
 * be depends on what is mounted.
 */
export interface PublishCall {
  readonly volumeId: string;
  /** As in the request, even of a request that cannot be parsed; it may be any text. */
  readonly targetPath: string;
  /** Whose it is and how much it holds, at a look. @param isPodInfoTrusted whether the kubelet is known to set it. */
  readonly asking: (isPodInfoTrusted: boolean) => IncomingPublish;
  /** Whether it asks for just what a request did that was parsed before. */
  readonly isRepeatOf: (request: PublishRequest) => boolean;
  /** @throws {CodedError} INVALID_ARGUMENT or FAILED_PRECONDITION for a request that asks for nothing that can be had. */
  readonly parse: () => PublishRequest;
}
