import type { ToolOrigin } from '../../tool/tool-origin.js';

/** The API that belongs to an address. */
export interface GithubApi {
  readonly origin: ToolOrigin;
  /** Path of the API, without a slash at the end. */
  readonly root: string;
  /** Whether it is a host of GitHub itself. */
  readonly isWellKnown: boolean;
}

const ofGithubCom = /^(?:(?:.+\.)?github\.com|ghcr\.io|(?:.+\.)?githubusercontent\.com)$/;
const ofGheCom = /^(?:[^.]+\.)?([a-z0-9-]+\.ghe\.com)$/;

/**
 * Returns the API: one host for github.com, one for each subdomain of ghe.com, and a path of GitHub Enterprise Server.
 * Another port than that of the scheme is kept, and is no host of GitHub.
 */
export function apiOf({ scheme, host, port }: ToolOrigin): GithubApi {
  const [, ofSubdomain] = ofGheCom.exec(host) ?? [];
  const name = ofGithubCom.test(host) ? 'api.github.com' : ofSubdomain === undefined ? undefined : `api.${ofSubdomain}`;
  if (name === undefined) return { origin: { scheme, host, port }, root: '/api/v3', isWellKnown: false };
  const isWellKnown = scheme === 'https' && port === 443;
  return { origin: { scheme, host: name, port }, root: '', isWellKnown };
}

/** Reports whether a request is for an API, which takes the token as Bearer. Git and package registries take Basic. */
export function isApiRequest(host: string, path: string): boolean {
  return /^(?:api|uploads|npm)\./.test(host) || /^\/+api\//i.test(path);
}

/** Reports whether a host is a container registry: `ghcr.io`, or a subdomain of the others. */
export function isRegistry(host: string): boolean {
  return host === 'ghcr.io' || /^(?:containers|docker)\./.test(host);
}
