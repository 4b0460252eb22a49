import type { Secret } from '../../../shared/secret.js';
import { proxyLimits } from '../../limits.js';
import type { ToolOrigin } from '../../tool/tool-origin.js';
import { basicHeaders, bearerHeaders } from '../header-credentials.js';
import type { RegistryCredentials } from '../registry/registry-tokens.js';
import { GithubInstallation } from './github-installation.js';
import type { GithubScope } from './github-installation.js';
import { permissionsIn } from './github-permissions.js';
import type { Issue, KeyProblem, TokenIssuer } from './issuer.js';
import { SecretKeys } from './secret-keys.js';
import { signingKeyIn } from './signing-key.js';

/**
 * A GitHub App, whose tokens are those of one installation. They are valid for an hour. The API is that of the
 * Connector's first address.
 */
export const githubApp: TokenIssuer = {
  secretType: 'connectors.alauda.io/github-app',

  parse(secret, { address, addresses, isReadOnly }): Issue | KeyProblem {
    const keys = new SecretKeys(secret);
    const scope = scopeIn(keys, isReadOnly);
    if (keys.problem !== undefined) return keys.problem;
    if ('problem' in scope) return scope;
    const key = signingKeyIn(secret, 'privateKey');
    if ('problem' in key) return key;
    if (key.algorithm !== 'RS256') {
      return { problem: 'its privateKey is no RSA key', fix: 'use a private key that GitHub generated for the App' };
    }
    const api = apiOf(addresses[0] ?? address);
    const { root } = api;
    const installation = new GithubInstallation({ root, appId: keys.required('appId'), key, scope });
    return {
      scopeKey: isReadOnly ? 'read-only' : '',
      endpoint: { ...api.origin, path: `${root}/app/installations` },
      endpointSource: 'spec.address, whose API issues tokens,',
      isWellKnown: api.isWellKnown,
      // A token could be revoked with itself. Some servers have the API in both places.
      guardedPaths: ['', '/api/v3'].flatMap((each) => [`${each}/installation/token`, `${each}/app/installations`]),
      request: (nowMs) => installation.first.request(nowMs),
      parse: (response, nowMs) => installation.first.parse(response, nowMs),
      headersFor: (token, { path }) =>
        isApiRequest(address.host, path) ? bearerHeaders(token) : basicHeaders(loginOf(token)),
      ...(isRegistry(address.host) ? { registryLogin: loginOf } : {}),
    };
  },
};

function loginOf(token: Secret): RegistryCredentials {
  return { username: 'x-access-token', password: token };
}

function scopeIn(keys: SecretKeys, isReadOnly: boolean): GithubScope | KeyProblem {
  const installationId = keys.optional('installationId');
  const owner = keys.optional('owner');
  if ((installationId === undefined) === (owner === undefined)) {
    const problem = owner === undefined ? 'it has no installationId' : 'it has installationId and owner';
    return { problem, fix: 'set either installationId or owner, the organization or user with the installation' };
  }
  if (!/^[\w.-]{1,100}$/.test(keys.required('appId'))) return wrong('appId', 'the ID or the client ID of the App');
  if (installationId !== undefined && !/^\d{1,20}$/.test(installationId)) return wrong('installationId', 'a number');
  if (owner !== undefined && !/^[\w-]{1,100}$/.test(owner))
    return wrong('owner', 'the name of an organization or user');
  const repositories = keys.list('repositories');
  if (
    repositories.length > proxyLimits.issuedTokens.repositories ||
    !repositories.every((name) => /^[\w.-]{1,100}$/.test(name))
  ) {
    return wrong(
      'repositories',
      `at most ${proxyLimits.issuedTokens.repositories} names without the owner, one a line`,
    );
  }
  const permissions = permissionsIn(keys.lines('permissions'));
  if (permissions === undefined) return wrong('permissions', 'one NAME: LEVEL a line, with read, write or admin');
  return { installationId, owner, repositories, permissions, isReadOnly };
}

function wrong(key: string, expected: string): KeyProblem {
  return { problem: `its ${key} cannot be used`, fix: `set it to ${expected}` };
}

/** The API that belongs to an address. */
interface GithubApi {
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
