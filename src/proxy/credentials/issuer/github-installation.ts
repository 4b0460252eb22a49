import { jsonIn, jsonMember } from '../../../shared/json.js';
import { Secret } from '../../../shared/secret.js';
import type { GithubPermissions } from './github-permissions.js';
import { grantedPermissions, readPermissions } from './github-permissions.js';
import type { IssueFailure, IssueOutcome, IssueRequest, IssueResponse, IssueStep } from './issuer.js';
import type { SigningKey } from './signing-key.js';
import { failureOfStatus, unusableAnswer } from './token-response.js';

/** The installation, and what its token is for. */
export interface GithubScope {
  /** Exactly one of the two. */
  readonly installationId: string | undefined;
  readonly owner: string | undefined;
  /** Names without the owner; empty for all. */
  readonly repositories: readonly string[];
  /** Empty for all that the installation has. */
  readonly permissions: GithubPermissions;
  readonly isReadOnly: boolean;
}

export interface GithubInstallationOptions {
  /** Path of the API. */
  readonly root: string;
  readonly appId: string;
  readonly key: SigningKey;
  readonly scope: GithubScope;
}

/** GitHub permits ten minutes, and clocks that are a minute apart. */
const assertionSeconds = { before: 60, after: 540 };

/**
 * Requests a token of an installation:
 *
 * 1. An owner, or read-only without permissions: read the installation, with its ID and permissions. An owner is an
 *    organization or else a user.
 * 2. Request the token.
 */
export class GithubInstallation {
  readonly first: IssueStep;
  readonly #options: GithubInstallationOptions;

  constructor(options: GithubInstallationOptions) {
    this.#options = options;
    const { installationId: id, owner = '', permissions, isReadOnly } = options.scope;
    if (id === undefined) this.first = this.#reading(`/orgs/${owner}/installation`, `/users/${owner}/installation`);
    else if (isReadOnly && Object.keys(permissions).length === 0)
      this.first = this.#reading(`/app/installations/${id}`);
    else this.first = this.#token(id, permissions);
  }

  #reading(path: string, other?: string): IssueStep {
    return {
      request: (nowMs) => this.#request('GET', path, nowMs),
      parse: ({ status, body }): IssueOutcome => {
        if (status === 404 && other !== undefined) return { kind: 'next', step: this.#reading(other) };
        if (status !== 200) return failureOf(status);
        const answer = jsonIn(body);
        const number = jsonMember(answer, 'id');
        if (typeof number !== 'bigint' || number <= 0n) return unusableAnswer('no id of an installation');
        const id = String(number);
        const { permissions } = this.#options.scope;
        const granted = grantedPermissions(jsonMember(answer, 'permissions'));
        return { kind: 'next', step: this.#token(id, Object.keys(permissions).length > 0 ? permissions : granted) };
      },
    };
  }

  /** @param permissions the wanted ones; if none are wanted, those of the installation, if they are known. */
  #token(id: string, permissions: GithubPermissions): IssueStep {
    const { scope } = this.#options;
    const wanted = scope.isReadOnly ? readPermissions(permissions) : scope.permissions;
    const body = JSON.stringify({
      ...(scope.repositories.length > 0 ? { repositories: scope.repositories } : {}),
      ...(Object.keys(wanted).length > 0 ? { permissions: wanted } : {}),
    });
    return {
      request: (nowMs) => this.#request('POST', `/app/installations/${id}/access_tokens`, nowMs, body),
      parse: parseToken,
    };
  }

  async #request(method: string, path: string, nowMs: number, body?: string): Promise<IssueRequest> {
    const { root, appId, key } = this.#options;
    const now = Math.floor(nowMs / 1000);
    const assertion = await key.sign({
      iss: appId,
      iat: now - assertionSeconds.before,
      exp: now + assertionSeconds.after,
    });
    const common = ['Accept', 'application/vnd.github+json', 'X-GitHub-Api-Version', '2022-11-28'];
    const ofBody = body === undefined ? [] : ['Content-Type', 'application/json'];
    return {
      method,
      path: `${root}${path}`,
      headers: [...common, 'Authorization', `Bearer ${assertion}`, ...ofBody],
      ...(body === undefined ? {} : { body }),
    };
  }
}

function parseToken({ status, body }: IssueResponse): IssueOutcome {
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
  404: 'see whether the App is installed for this owner, or with this installationId',
  422: 'request only repositories and permissions that the installation has',
};

/** Returns the failure for a status. GitHub has no codes, only text. */
function failureOf(status: number): IssueFailure {
  const fix = fixes[status];
  return fix === undefined
    ? failureOfStatus(status)
    : { kind: 'failure', code: `status ${status}`, fix, isRejection: true };
}
