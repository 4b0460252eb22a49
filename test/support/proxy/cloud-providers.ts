import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { SignJWT } from 'jose';
import type { AwsKeys } from './aws-verifier.ts';
import { mismatchOf } from './subject-verifier.ts';
import type { TrustedSubject } from './subject-verifier.ts';
import type { SeenRequest } from './tool-server.ts';

/** A provider that verifies subject tokens, and answers as its documentation says. */
abstract class CloudProvider {
  readonly trust: TrustedSubject;
  /** Requests so far, as method and path. */
  readonly asked: SeenRequest[] = [];
  now = (): number => Date.now();
  /** Replaces the response. */
  answer: ((response: ServerResponse) => void) | undefined;

  /** @param trust the only service account that gets something. */
  constructor(trust: TrustedSubject) {
    this.trust = trust;
  }

  /** Serves a request whose body has arrived. */
  async serve(seen: SeenRequest, response: ServerResponse): Promise<void> {
    this.asked.push(seen);
    if (this.answer !== undefined) {
      this.answer(response);
      return;
    }
    const [status, content] = await this.respond(seen);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(content));
  }

  protected abstract respond(seen: SeenRequest): Promise<readonly [status: number, content: object]>;

  protected mismatchOf(token: string | null): ReturnType<typeof mismatchOf> {
    return mismatchOf(token ?? '', this.trust, this.now());
  }
}

const text = 'PROVIDER text';

/** AWS STS with one role, whose sessions get the keys of `issued`. */
export class FakeSts extends CloudProvider {
  roleArn = 'arn:aws:iam::123456789012:role/builds';
  issued: AwsKeys | undefined;
  /** Life of a session; undefined: as requested. */
  lifeMs: number | undefined;

  protected async respond({ body, headers }: SeenRequest): ReturnType<CloudProvider['respond']> {
    const form = new URLSearchParams(body);
    const reject = (Code: string): readonly [number, object] => [
      Code === 'AccessDenied' ? 403 : 400,
      { Error: { Code, Message: text, Type: 'Sender' }, RequestId: randomUUID() },
    ];
    const isCall = form.get('Action') === 'AssumeRoleWithWebIdentity' && form.get('Version') === '2011-06-15';
    if (!isCall || headers.authorization !== undefined || headers.accept !== 'application/json') {
      return reject('InvalidAction');
    }
    const seconds = Number(form.get('DurationSeconds'));
    if (seconds < 900 || seconds > 43_200) return reject('ValidationError');
    const mismatch = await this.mismatchOf(form.get('WebIdentityToken'));
    if (mismatch === 'subject' || form.get('RoleArn') !== this.roleArn) return reject('AccessDenied');
    if (mismatch === 'expired') return reject('ExpiredTokenException');
    if (mismatch !== undefined) return reject('InvalidIdentityToken');
    this.issued = {
      accessKeyId: `ASIA${this.asked.length}`,
      secretAccessKey: `ISSUED-${randomUUID()}`,
      sessionToken: `ISSUED-${randomUUID()}==`,
    };
    const credentials = {
      AccessKeyId: this.issued.accessKeyId,
      SecretAccessKey: this.issued.secretAccessKey,
      SessionToken: this.issued.sessionToken,
      Expiration: (this.now() + (this.lifeMs ?? seconds * 1000)) / 1000,
    };
    const result = { Audience: this.trust.audience, Credentials: credentials };
    return [200, { AssumeRoleWithWebIdentityResponse: { AssumeRoleWithWebIdentityResult: result } }];
  }
}

/** Google's Security Token Service, and the impersonation of one service account. */
export class FakeGoogle extends CloudProvider {
  provider = 'projects/123456/locations/global/workloadIdentityPools/clusters/providers/ci-cluster';
  account = 'builds@a-project.iam.gserviceaccount.com';
  readonly #federated = new Set<string>();
  readonly #valid = new Set<string>();
  /** What tokens begin with. */
  prefix = 'ISSUED';
  /** Whether only tokens of the service account are accepted. */
  isImpersonationRequired = false;

  accepts(token: string): boolean {
    return this.#valid.has(token) || (!this.isImpersonationRequired && this.#federated.has(token));
  }

  protected async respond({ url, body, headers }: SeenRequest): ReturnType<CloudProvider['respond']> {
    if (url !== '/v1/token') return this.#impersonate(url, body, headers.authorization);
    const form = new URLSearchParams(body);
    const reject = (error: string): readonly [number, object] => [400, { error, error_description: text }];
    const isExchange =
      form.get('grant_type') === 'urn:ietf:params:oauth:grant-type:token-exchange' &&
      form.get('requested_token_type') === 'urn:ietf:params:oauth:token-type:access_token' &&
      form.get('subject_token_type') === 'urn:ietf:params:oauth:token-type:jwt';
    if (!isExchange || !form.has('scope') || headers.authorization !== undefined) return reject('invalid_request');
    if (form.get('audience') !== `//iam.googleapis.com/${this.provider}`) return reject('invalid_target');
    const mismatch = await this.mismatchOf(form.get('subject_token'));
    if (mismatch !== undefined) return reject(mismatch === 'subject' ? 'unauthorized_client' : 'invalid_grant');
    const token = `${this.prefix}-${randomUUID()}`;
    this.#federated.add(token);
    const type = 'urn:ietf:params:oauth:token-type:access_token';
    return [200, { access_token: token, issued_token_type: type, token_type: 'Bearer', expires_in: 3599 }];
  }

  #impersonate(url: string, body: string, authorization = ''): readonly [number, object] {
    const reject = (code: number, status: string): readonly [number, object] => [
      code,
      { error: { code, status, message: text } },
    ];
    if (!this.#federated.has(authorization.replace('Bearer ', ''))) return reject(401, 'UNAUTHENTICATED');
    if (url !== `/v1/projects/-/serviceAccounts/${this.account}:generateAccessToken`) {
      return reject(403, 'PERMISSION_DENIED');
    }
    const { scope, lifetime } = JSON.parse(body) as { readonly scope: readonly string[]; readonly lifetime: string };
    if (scope.length === 0 || lifetime !== '3600s') return reject(400, 'INVALID_ARGUMENT');
    const accessToken = `${this.prefix}-${randomUUID()}`;
    this.#valid.add(accessToken);
    return [200, { accessToken, expireTime: new Date(this.now() + 3_600_000).toISOString().replace(/\.\d+/, '') }];
  }
}

const registryUser = '00000000-0000-0000-0000-000000000000';

/** Entra with one application, and the exchange of a registry of Azure. */
export class FakeEntra extends CloudProvider {
  readonly tenantId = '72f988bf-86f1-41af-91ab-2d7cd011db47';
  readonly clientId = 'd0c8a3a5-6d63-4a6c-8a0b-1f1f0a1c2b3d';
  readonly scopes = ['https://containerregistry.azure.net/.default', '499b84ac-1321-427f-aa17-267ca6975798/.default'];
  readonly registry: string;
  readonly #tokens = new Map<string, string>();
  readonly #refreshTokens = new Set<string>();

  constructor(trust: TrustedSubject, registry: string) {
    super(trust);
    this.registry = registry;
  }

  /** Whether a registry's token service accepts `user:password`. */
  acceptsLogin(login: string): boolean {
    return login.startsWith(`${registryUser}:`) && this.#refreshTokens.has(login.slice(registryUser.length + 1));
  }

  accepts(token: string): boolean {
    return this.#tokens.get(token) === this.scopes[1];
  }

  protected async respond(seen: SeenRequest): ReturnType<CloudProvider['respond']> {
    const form = new URLSearchParams(seen.body);
    return seen.url === '/oauth2/exchange' ? this.#exchange(form) : this.#issue(seen.url, form);
  }

  async #issue(url: string, form: URLSearchParams): ReturnType<CloudProvider['respond']> {
    const reject = (error: string, number: number): readonly [number, object] => [
      error === 'invalid_client' ? 401 : 400,
      { error, error_description: `AADSTS${number}: ${text}`, error_codes: [number], trace_id: randomUUID() },
    ];
    const isCall =
      form.get('grant_type') === 'client_credentials' &&
      form.get('client_assertion_type') === 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
    if (!isCall) return reject('invalid_request', 900_144);
    if (url !== `/${this.tenantId}/oauth2/v2.0/token`) return reject('invalid_request', 90_002);
    if (form.get('client_id') !== this.clientId) return reject('unauthorized_client', 700_016);
    const mismatch = await this.mismatchOf(form.get('client_assertion'));
    const numbers = { issuer: 700_211, audience: 700_212, subject: 700_213, expired: 700_024 };
    if (mismatch !== undefined) {
      return reject('invalid_client', mismatch in numbers ? numbers[mismatch as keyof typeof numbers] : 700_211);
    }
    const scope = form.get('scope') ?? '';
    if (!this.scopes.includes(scope)) return reject('invalid_resource', 500_011);
    const token = `ISSUED-${randomUUID()}`;
    this.#tokens.set(token, scope);
    return [200, { token_type: 'Bearer', expires_in: 3599, ext_expires_in: 3599, access_token: token }];
  }

  async #exchange(form: URLSearchParams): ReturnType<CloudProvider['respond']> {
    const isCall = form.get('grant_type') === 'access_token' && form.get('service') === this.registry;
    const isTrusted = this.#tokens.get(form.get('access_token') ?? '') === this.scopes[0];
    if (!isCall || !isTrusted || form.get('tenant') !== this.tenantId) {
      return [401, { errors: [{ code: 'UNAUTHORIZED', message: text }] }];
    }
    const key = new TextEncoder().encode(randomUUID());
    const token = await new SignJWT({ jti: randomUUID(), grant_type: 'refresh_token' })
      .setProtectedHeader({ alg: 'HS256' })
      .setExpirationTime(Math.floor(this.now() / 1000) + 3 * 3600)
      .sign(key);
    this.#refreshTokens.add(token);
    return [200, { refresh_token: token }];
  }
}
