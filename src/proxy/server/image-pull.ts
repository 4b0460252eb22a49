import type { IncomingMessage } from 'node:http';
import { ProxyError } from '../proxy-error.js';
import { isPassableUpgrade } from '../upstream/upgrade.js';
import { pathnameOf } from './request-target.js';
import type { RequestTarget } from './request-target.js';

/** The user name that nodes send with the token of a pod when they pull its images (deploy/image-pulls). */
const imagePullUser = 'connectors';

/** A target in reverse mode. */
export type ReverseTarget = Extract<RequestTarget, { readonly kind: 'reverse' | 'registry-root' }>;

/**
 * Reports whether a request pulls an image. Requests of the user name for image pulls can only read below `/v2/`, so a
 * container runtime cannot push with the credential that it has for pulls. This does not confine a client that has the
 * token, because it chooses the user name.
 * @param user from `Authorization`, undefined for a bearer token.
 * @throws {ProxyError} 403.
 */
export function isImagePull(user: string | undefined, request: IncomingMessage, target: ReverseTarget): boolean {
  if (user !== imagePullUser) return false;
  const isRead = (request.method === 'GET' || request.method === 'HEAD') && !isPassableUpgrade(request);
  if (!isRead || (target.kind === 'reverse' && !target.path.startsWith('/v2/'))) {
    throw new ProxyError(
      403,
      'denied',
      `user name ${imagePullUser} is for image pulls, GET and HEAD below /v2/: use another user name with the same token`,
    );
  }
  return true;
}

/**
 * Removes the query parameter `ns`, in which containerd names the image's registry to a mirror. The registry does not
 * know that name. Other parameters stay as they are.
 */
export function withoutMirrorParameter(path: string): string {
  const pathname = pathnameOf(path);
  if (pathname === path) return path;
  const parameters = path.slice(pathname.length + 1).split('&');
  const kept = parameters.filter((parameter) => !/^ns(?:=|$)/.test(parameter));
  return kept.length === 0 ? pathname : `${pathname}?${kept.join('&')}`;
}
