import type { IncomingMessage } from 'node:http';
import { awsKeys, ecrHost, ecrVpcHost } from '../proxy/ecr.ts';
import { appPrivateKey } from '../proxy/github-server.ts';
import { GoogleKey } from '../proxy/google-key.ts';

/** What a tool answers to a request of a probe. */
export interface FakeAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** A tool as the class of its name is for: the paths that its probes use, by the documentation of the real one. */
export interface FakeTool {
  readonly className: string;
  /** Of `spec.auth.name`, and the Secret that it takes. */
  readonly authName: string;
  readonly secretType: string;
  /** For types that are for known hosts only. */
  readonly host?: string;
  /** An address of the Connector beside the tool's: that of the endpoint for tokens. */
  readonly tokenHost?: string;
  /** Behind the host, as users write the address. */
  readonly path?: string;
  readonly authParams?: readonly { readonly name: string; readonly value: string }[];
  readonly answer: Respond;
}

/** @param isKnown whether the request has the credential. */
type Respond = (path: string, isKnown: boolean, request: IncomingMessage) => FakeAnswer;

/** What the Secrets of fake tools hold: whichever of it the type of the Secret has. */
export const goodLogin = {
  username: 'robot',
  password: 'CREDENTIAL-CANARY-5b1e',
  token: 'CREDENTIAL-CANARY-5b1e',
  appId: '1',
  installationId: '77',
  privateKey: appPrivateKey,
  clientId: 'builds',
  clientSecret: 'CREDENTIAL-CANARY-5b1e',
  header: 'X-Api-Key',
  parameter: 'api_key',
  value: 'CREDENTIAL-CANARY-5b1e',
  ...awsKeys,
};
const googleKey = new GoogleKey();

/** The same for Secrets that tools reject. */
export const badLogin = { ...goodLogin, password: 'wrong', token: 'wrong', appId: '2', accessKeyId: 'AKIDOTHER' };

/** Reports whether a header has the assertion of the App. Signatures are verified by the tests of the App itself. */
export function isOfApp(authorization: string | undefined): boolean {
  const [, payload = ''] = /^Bearer [-\w]+\.([-\w]+)\./.exec(authorization ?? '') ?? [];
  return Buffer.from(payload, 'base64url').toString().includes(`"iss":"${goodLogin.appId}"`);
}

const notFound: FakeAnswer = { status: 404 };
const basicAuth = { authName: 'basicAuth', secretType: 'kubernetes.io/basic-auth' } as const;

export const googleTokens = 'oauth2.googleapis.com';
/** The host of the token endpoint of OAuth 2 clients. */
export const oauthTokens = 'sso.example';

const basicOf = (user: string): string => `Basic ${Buffer.from(`${user}:${goodLogin.password}`).toString('base64')}`;

/** By the type of the Secret: the field of a request that has the credential, and its value there. */
const sentByType: Readonly<Record<string, readonly [field: string, value: string]>> = {
  'kubernetes.io/basic-auth': ['authorization', basicOf('robot')],
  'cpaas.io/distribution-registry-token': ['authorization', basicOf('robot')],
  'connectors.cpaas.io/bearer-token': ['authorization', `Bearer ${goodLogin.token}`],
  'connectors.cpaas.io/gitlab-pat-auth': ['private-token', goodLogin.token],
  'connectors.alauda.io/github-app': ['authorization', basicOf('x-access-token')],
  'connectors.alauda.io/aws-ecr': ['authorization', basicOf('AWS')],
  'connectors.alauda.io/google-service-account': ['authorization', basicOf('oauth2accesstoken')],
  'connectors.alauda.io/oauth2-client': ['authorization', `Bearer ${goodLogin.token}`],
};
/** What generators of classes make of a Secret of type Opaque. */
const sentByGenerator: typeof sentByType = {
  'github patAuth': ['authorization', basicOf('x-access-token')],
  'gitlab patAuth': ['private-token', goodLogin.token],
  'sonarqube tokenAuth': ['authorization', `Bearer ${goodLogin.token}`],
  'http bearerAuth': ['authorization', `Bearer ${goodLogin.token}`],
  'http headerAuth': ['x-api-key', goodLogin.value],
  'anthropic apiKeyAuth': ['x-api-key', goodLogin.token],
  'openai apiKeyAuth': ['authorization', `Bearer ${goodLogin.token}`],
  'http queryAuth': ['?api_key', goodLogin.value],
};

/** The header, or `?` and the query parameter, by which the tool recognises the credential, and its value. */
export function sentTo({ className, authName, secretType }: FakeTool): readonly [field: string, value: string] {
  return (secretType === 'Opaque' ? sentByGenerator[`${className} ${authName}`] : sentByType[secretType])!;
}

/** The key of a Google service account. Another one than the good one is not known at its endpoint. */
export function googleKeyFile(endpoint: string, isGood: boolean): string {
  return googleKey.file(`${endpoint}${isGood ? '/token' : '/unknown/token'}`);
}

/**
 * The response of the endpoint of a cloud or of OAuth 2 to a request for a password or token; undefined for other requests. Signatures
 * are verified by the tests of these types themselves.
 */
export function cloudAnswer({ url = '', headers }: Pick<IncomingMessage, 'url' | 'headers'>): FakeAnswer | undefined {
  const host = headers.host ?? '';
  if (host.startsWith(googleTokens) || host.startsWith(oauthTokens)) {
    const token = { access_token: goodLogin.token, token_type: 'Bearer', expires_in: 3600 };
    return url === '/token' ? json(token) : { status: 400, body: '{"error":"invalid_grant"}' };
  }
  if (!host.startsWith(ecrVpcHost)) return undefined;
  if (!(headers.authorization ?? '').includes(`Credential=${goodLogin.accessKeyId}/`)) {
    return { status: 400, body: '{"__type":"UnrecognizedClientException"}' };
  }
  const authorizationToken = Buffer.from(`AWS:${goodLogin.password}`).toString('base64');
  return json({ authorizationData: [{ authorizationToken, expiresAt: Date.now() / 1000 + 43_200 }] });
}

/** Open to all: `open`. For users alone: `closed`, others get 401. Else 404. */
function site(open: Readonly<Record<string, FakeAnswer>>, closed: Readonly<Record<string, FakeAnswer>>): Respond {
  return (path, isKnown) => {
    const { [path]: found } = closed;
    if (found !== undefined) return isKnown ? found : { status: 401 };
    return open[path] ?? notFound;
  };
}

const page: FakeAnswer = { status: 200, body: `<html>${'x'.repeat(100_000)}</html>` };
const json = (value: unknown): FakeAnswer => ({ status: 200, body: JSON.stringify(value) });

/** Answers requests without credentials, and rejects those with a wrong one. */
function openToGuests(place: string, found: FakeAnswer): Respond {
  return (path, isKnown, { headers }) => {
    if (path !== place) return notFound;
    return isKnown || headers.authorization === undefined ? found : { status: 401 };
  };
}

const registry: Respond = (path, isKnown) => {
  if (path !== '/v2/') return notFound;
  return isKnown ? json({}) : { status: 401, headers: { 'WWW-Authenticate': 'Basic realm="registry"' } };
};

const sonarqube: Respond = (path, isKnown) => {
  if (path === '/api/system/status') return json({ status: 'UP' });
  return path === '/api/authentication/validate' ? json({ valid: isKnown }) : notFound;
};

const gitlab = site(
  { '/': { status: 302, headers: { Location: '/users/sign_in' } }, '/users/sign_in': page },
  { '/api/v4/user': json({ username: 'robot' }) },
);
const models = site({}, { '/v1/models': json({ data: [] }) });
const anyApi = site({ '/': page }, {});

/** The response of GitHub to a request for a token of an installation. */
function issuedToken(): FakeAnswer {
  const inAnHour = new Date(Date.now() + 3_600_000).toISOString();
  return { status: 201, body: JSON.stringify({ token: goodLogin.token, expires_at: inAnHour }) };
}

/** One for each class and each way to log in. */
export const fakeTools: readonly FakeTool[] = [
  {
    className: 'git',
    ...basicAuth,
    authParams: [{ name: 'repository', value: 'team/app.git' }],
    answer: site({ '/': page }, { '/team/app.git/info/refs?service=git-upload-pack': { status: 200 } }),
  },
  { className: 'github', ...basicAuth, answer: site({ '/': page }, { '/user': json({ login: 'robot' }) }) },
  {
    className: 'github',
    authName: 'patAuth',
    secretType: 'connectors.cpaas.io/bearer-token',
    answer: site({ '/': page }, { '/user': json({ login: 'robot' }) }),
  },
  {
    className: 'github',
    authName: 'githubApp',
    secretType: 'connectors.alauda.io/github-app',
    answer: site({ '/': page }, { '/api/v3/app/installations/77/access_tokens': issuedToken() }),
  },
  {
    className: 'github',
    authName: 'patAuth',
    secretType: 'Opaque',
    answer: site({ '/': page }, { '/user': json({ login: 'robot' }) }),
  },
  {
    className: 'gitlab',
    authName: 'patAuth',
    secretType: 'connectors.cpaas.io/gitlab-pat-auth',
    answer: gitlab,
  },
  { className: 'gitlab', authName: 'patAuth', secretType: 'Opaque', answer: gitlab },
  {
    className: 'harbor',
    ...basicAuth,
    answer: site({ '/api/v2.0/ping': { status: 200, body: 'Pong' } }, { '/api/v2.0/users/current': json({}) }),
  },
  // A robot account: it is known, and there is no user.
  {
    className: 'harbor',
    ...basicAuth,
    answer: site({ '/api/v2.0/ping': { status: 200, body: 'Pong' } }, { '/api/v2.0/users/current': { status: 412 } }),
  },
  {
    className: 'jfrog',
    ...basicAuth,
    path: '/artifactory/api/npm/team',
    answer: openToGuests('/artifactory/api/system/ping', { status: 200, body: 'OK' }),
  },
  {
    className: 'k8s',
    authName: 'bearerTokenAuth',
    secretType: 'connectors.cpaas.io/bearer-token',
    path: '/k8s/clusters/c-1',
    answer: site(
      { '/k8s/clusters/c-1/livez': { status: 200, body: 'ok' } },
      { '/k8s/clusters/c-1/api': json({ kind: 'APIVersions' }) },
    ),
  },
  {
    className: 'maven',
    ...basicAuth,
    path: '/releases',
    answer: site({ '/': page }, { '/releases': page }),
  },
  {
    className: 'nexus',
    ...basicAuth,
    answer: openToGuests('/service/rest/v1/status', { status: 200 }),
  },
  { className: 'npm', ...basicAuth, answer: site({}, { '/': json({}) }) },
  { className: 'npm', ...basicAuth, path: '/npm/', answer: site({ '/': page }, { '/npm/': json({}) }) },
  {
    className: 'oci',
    authName: 'tokenAuth',
    secretType: 'cpaas.io/distribution-registry-token',
    answer: registry,
  },
  {
    className: 'oci',
    authName: 'awsEcr',
    secretType: 'connectors.alauda.io/aws-ecr',
    host: ecrHost,
    tokenHost: ecrVpcHost,
    answer: registry,
  },
  {
    className: 'oci',
    authName: 'googleServiceAccount',
    secretType: 'connectors.alauda.io/google-service-account',
    host: 'europe-west1-docker.pkg.dev',
    tokenHost: googleTokens,
    answer: registry,
  },
  {
    className: 'pypi',
    ...basicAuth,
    path: '/team',
    answer: site({ '/': page }, { '/team/simple/': page }),
  },
  {
    className: 'sonarqube',
    authName: 'tokenAuth',
    secretType: 'connectors.cpaas.io/bearer-token',
    answer: sonarqube,
  },
  { className: 'sonarqube', authName: 'tokenAuth', secretType: 'Opaque', answer: sonarqube },
  { className: 'anthropic', authName: 'apiKeyAuth', secretType: 'Opaque', answer: models },
  { className: 'openai', authName: 'apiKeyAuth', secretType: 'Opaque', answer: models },
  { className: 'http', ...basicAuth, answer: anyApi },
  { className: 'http', authName: 'bearerAuth', secretType: 'Opaque', answer: anyApi },
  { className: 'http', authName: 'headerAuth', secretType: 'Opaque', answer: anyApi },
  { className: 'http', authName: 'queryAuth', secretType: 'Opaque', answer: anyApi },
  {
    className: 'http',
    authName: 'oauth2Client',
    secretType: 'connectors.alauda.io/oauth2-client',
    tokenHost: oauthTokens,
    answer: anyApi,
  },
];
