import { jsonText } from '../../../shared/json.ts';
import type { Secret } from '../../../shared/secret.ts';
import type { ToolOrigin } from '../../tool/tool-origin.ts';
import { basicHeaders, bearerHeaders } from '../header-credentials.ts';
import type { RegistryCredentials } from '../header-credentials.ts';
import type { TokenIssuer, TokenPlan } from './issuer.ts';
import { SecretKeys, unusableKey } from './secret-keys.ts';
import { signerIn } from '../private-key.ts';
import { issuedToken, responseParser } from './token-response.ts';
import type { Fixes } from './token-response.ts';

/** GitHub permits ten minutes, and clocks that are a minute apart. */
const assertionSeconds = { before: 60, after: 540 };

/**
 * A GitHub App, whose tokens are those of one installation. They are valid for an hour. The API is that of the
 * Connector's first address.
 */
export const githubApp: TokenIssuer = {
  secretType: 'connectors.alauda.io/github-app',

  parse(secret, { address, addresses }): TokenPlan {
    const keys = new SecretKeys(secret);
    const appId = keys.matching('appId', /^[\w.-]{1,100}$/, 'the ID or the client ID of the App');
    const id = keys.matching('installationId', /^\d{1,20}$/, 'a number');
    const body = JSON.stringify({ ...repositoriesIn(keys), ...permissionsIn(keys) });
    const sign = signerIn(secret);
    const api = apiOf(addresses[0] ?? address);
    const { root } = api;
    return {
      steps: [
        {
          endpoint: { ...api.origin, path: `${root}/app/installations` },
          endpointSource: 'spec.address, whose API issues tokens,',
          isWellKnown: api.isWellKnown,
          request: async (nowMs) => {
            const now = Math.floor(nowMs / 1000);
            const { before, after } = assertionSeconds;
            const assertion = await sign({ iss: appId, iat: now - before, exp: now + after });
            return {
              method: 'POST',
              path: `${root}/app/installations/${id}/access_tokens`,
              headers: [
                ...['Accept', 'application/vnd.github+json', 'X-GitHub-Api-Version', '2022-11-28'],
                ...['Authorization', `Bearer ${assertion}`, 'Content-Type', 'application/json'],
              ],
              body,
            };
          },
          parse: parseToken,
        },
      ],
      // A token could be revoked with itself. Some servers have the API in both places.
      guardedPaths: ['', '/api/v3'].flatMap((each) => [`${each}/installation/token`, `${each}/app/installations`]),
      headersFor: (token, { path }) =>
        isApiRequest(address.host, path) ? bearerHeaders(token) : basicHeaders(loginOf(token)),
      ...(isRegistry(address.host) ? { registryLogin: loginOf } : {}),
    };
  },
};

function loginOf(token: Secret): RegistryCredentials {
  return { username: 'x-access-token', password: token };
}

/** Returns the repositories of the token; nothing for all that the installation has. */
function repositoriesIn(keys: SecretKeys): { readonly repositories?: readonly string[] } {
  const repositories = keys.list('repositories', /[\s,]+/);
  if (!repositories.every((name) => /^[\w.-]{1,100}$/.test(name))) {
    throw unusableKey('repositories', 'names without the owner, one a line');
  }
  return repositories.length > 0 ? { repositories } : {};
}

/** Returns the permissions of the token; nothing for all that the installation has. */
function permissionsIn(keys: SecretKeys): { readonly permissions?: Readonly<Record<string, string>> } {
  const permissions = keys.list('permissions', /[\n,]/).map((line) => {
    const [, name, level] = /^([a-z][a-z_]{0,63})\s*:\s*(read|write|admin)$/.exec(line) ?? [];
    if (name !== undefined && level !== undefined) return [name, level] as const;
    throw unusableKey('permissions', 'one NAME: LEVEL a line, with read, write or admin');
  });
  return permissions.length > 0 ? { permissions: Object.fromEntries(permissions) } : {};
}

/** By status: GitHub has no codes, only text. */
const rejections: Fixes = {
  'status 401': 'see whether appId and privateKey belong to one App, and whether the clock of the node is right',
  'status 403': 'see whether the installation is suspended, or has too many requests',
  'status 404': 'see whether the App is installed with this installationId',
  'status 422': 'request only repositories and permissions that the installation has',
};

const parseToken = responseParser(
  rejections,
  (_answer, status) => `status ${status}`,
  (answer) => {
    const expiresAt = jsonText(answer, 'expires_at') ?? '';
    return issuedToken(jsonText(answer, 'token'), 'token', expiresAt.length < 64 ? Date.parse(expiresAt) : NaN);
  },
);

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
