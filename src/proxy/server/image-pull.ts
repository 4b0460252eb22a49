import { pathnameOf } from './request-target.ts';

/** The user name that nodes send with the token of a pod when they pull its images (deploy/chart/files/image-pulls). */
export const imagePullUser = 'connectors';

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
