import { jsonIn, jsonMember } from '../../../shared/json.ts';
import { Secret } from '../../../shared/secret.ts';
import { proxyLimits } from '../../limits.ts';
import type { ToolOrigin } from '../../tool/tool-origin.ts';
import { basicHeaders, bearerHeaders } from '../header-credentials.ts';
import type { RegistryCredentials } from '../registry/registry-tokens.ts';
import type { KeyProblem, TokenFailure, TokenIssuer, TokenOutcome, TokenPlan, TokenResponse } from './issuer.ts';
import { SecretKeys } from './secret-keys.ts';
import { signingKeyIn } from './signing-key.ts';
import { failureOfStatus, unusableAnswer } from './token-response.ts';

/** GitHub permits ten minutes, and clocks that are a minute apart. */
const assertionSeconds = { before: 60, after: 540 };

/**
 * A GitHub App, whose tokens are those of one installation. They are valid for an hour. The API is that of the
 * Connector's first address.
 */
export const githubApp: TokenIssuer = {
  secretType: 'connectors.alauda.io/github-app',

  parse(secret, { address, addresses }): TokenPlan | KeyProblem {
    const keys = new SecretKeys(secret);
    const installation = installationIn(keys);
    if (keys.problem !== undefined) return keys.problem;
    if ('problem' in installation) return installation;
    const key = signingKeyIn(secret);
    if ('problem' in key) return key;
    const api = apiOf(addresses[0] ?? address);
    const { root } = api;
    const { appId, id, body } = installation;
    return {
      steps: [
        {
          endpoint: { ...api.origin, path: `${root}/app/installations` },
          endpointSource: 'spec.address, whose API issues tokens,',
          isWellKnown: api.isWellKnown,
          request: async (nowMs) => {
            const now = Math.floor(nowMs / 1000);
            const { before, after } = assertionSeconds;
            const assertion = await key.sign({ iss: appId, iat: now - before, exp: now + after });
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

interface Installation {
  readonly appId: string;
  readonly id: string;
  /** Repositories and permissions of the token, in JSON. */
  readonly body: string;
}

function installationIn(keys: SecretKeys): Installation | KeyProblem {
  const appId = keys.required('appId');
  const id = keys.required('installationId');
  const repositories = keys.list('repositories', /[\s,]+/);
  const permissions = keys
    .list('permissions', /[\n,]/)
    .map((line) => /^([a-z][a-z_]{0,63})\s*:\s*(read|write|admin)$/.exec(line));
  const { repositories: maxRepositories, permissions: maxPermissions } = proxyLimits.issuedTokens;
  if (!/^[\w.-]{1,100}$/.test(appId)) return wrong('appId', 'the ID or the client ID of the App');
  if (!/^\d{1,20}$/.test(id)) return wrong('installationId', 'a number');
  if (repositories.length > maxRepositories || !repositories.every((name) => /^[\w.-]{1,100}$/.test(name))) {
    return wrong('repositories', `at most ${maxRepositories} names without the owner, one a line`);
  }
  if (permissions.length > maxPermissions || permissions.includes(null)) {
    return wrong('permissions', 'one NAME: LEVEL a line, with read, write or admin');
  }
  const levels = permissions.map((found) => [found?.[1] ?? '', found?.[2] ?? ''] as const);
  const body = JSON.stringify({
    ...(repositories.length > 0 ? { repositories } : {}),
    ...(levels.length > 0 ? { permissions: Object.fromEntries(levels) } : {}),
  });
  return { appId, id, body };
}

function wrong(key: string, expected: string): KeyProblem {
  return { problem: `its ${key} cannot be used`, fix: `set it to ${expected}` };
}

function parseToken({ status, body }: TokenResponse): TokenOutcome {
  if (status !== 201 && status !== 200) return failureOf(status);
  const answer = jsonIn(body);
  const value = jsonMember(answer, 'token');
  const expiresAt = jsonMember(answer, 'expires_at');
  if (typeof value !== 'string') return unusableAnswer('no token');
  const expiresAtMs = typeof expiresAt === 'string' && expiresAt.length < 64 ? Date.parse(expiresAt) : NaN;
  if (Number.isNaN(expiresAtMs)) return unusableAnswer('no expires_at');
  return { kind: 'token', value: new Secret(value), expiresAtMs };
}

const fixes: Readonly<Record<number, string>> = {
  401: 'see whether appId and privateKey belong to one App, and whether the clock of the node is right',
  403: 'see whether the installation is suspended, or has too many requests',
  404: 'see whether the App is installed with this installationId',
  422: 'request only repositories and permissions that the installation has',
};

/** Returns the failure for a status. GitHub has no codes, only text. */
function failureOf(status: number): TokenFailure {
  const fix = fixes[status];
  return fix === undefined
    ? failureOfStatus(status)
    : { kind: 'failure', code: `status ${status}`, fix, isRejection: true };
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
