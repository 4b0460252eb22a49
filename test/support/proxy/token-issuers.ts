import type { ServerResponse } from 'node:http';
import type { CertificateAuthority } from '../tls/certificate-authority.ts';
import { FakeEcr, awsKeys, ecrHost, ecrVpcHost } from './ecr.ts';
import { GithubServer, appPrivateKey } from './github-server.ts';
import { GoogleKey } from './google-key.ts';
import { connector, secret } from './manifests.ts';
import { credentialCanary } from './proxy-fixture.ts';
import { TokenEndpoint } from './token-endpoint.ts';
import type { SeenRequest, ToolServer } from './tool-server.ts';

/** A kind of credential with the server of its provider, which is the tool too. */
export interface TokenIssuer {
  readonly server: ToolServer;
  /** Origin of the token endpoint. */
  readonly endpoint: string;
  /** The Connector `ci/tool` with the Secret `login`. */
  objects(options?: { readonly extensions?: readonly string[]; readonly keys?: object }): readonly object[];
  /** A request of a client that needs a token. */
  readonly url: string;
  /** Replaces the response of the token endpoint. */
  answer(answer: ((response: ServerResponse) => void) | undefined): void;
  /** Responds with a token, as the provider does. */
  readonly issue: (response: ServerResponse, token: string) => void;
  /** Requests to the tool. */
  readonly used: readonly SeenRequest[];
  /** How the provider rejects keys, and what the proxy shows of that. */
  readonly rejection: { readonly status: number; readonly body: object; readonly code: string };
}

interface TokenIssuerOptions {
  /** Signs the certificate of the server. */
  readonly authority?: CertificateAuthority | undefined;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

/** All kinds, by the last part of the type of their Secrets. */
export const tokenIssuers: Readonly<Record<string, (options?: TokenIssuerOptions) => Promise<TokenIssuer>>> = {
  'oauth2-client': async ({ authority } = {}) => {
    const endpoint = await TokenEndpoint.start('/oauth/token', ['tool.example'], authority);
    const keys = { clientId: 'builds', clientSecret: credentialCanary, tokenUrl: endpoint.url };
    return {
      ...ofTokenEndpoint(endpoint),
      endpoint: endpoint.server.url(),
      objects: (options) => objectsOf('oauth2-client', endpoint.server.url(), keys, options),
      url: `${endpoint.server.url()}/api`,
      rejection: {
        status: 401,
        body: { error: 'invalid_client', error_description: 'PROVIDER' },
        code: 'invalid_client',
      },
    };
  },

  'google-service-account': async ({ authority } = {}) => {
    const [api, tokens] = ['storage.googleapis.com', 'oauth2.googleapis.com'];
    const google = await TokenEndpoint.start('/token', [api, tokens], authority);
    const own = google.server.url(tokens);
    const keys = { 'key.json': new GoogleKey().file(`${own}/token`) };
    return {
      ...ofTokenEndpoint(google),
      endpoint: own,
      objects: (options) => objectsOf('google-service-account', google.server.url(api), keys, options, own),
      url: `${google.server.url(api)}/storage/v1/b/bucket/o`,
      rejection: {
        status: 400,
        body: { error: 'invalid_grant', error_description: 'PROVIDER' },
        code: 'invalid_grant',
      },
    };
  },

  'aws-ecr': async ({ authority, now = Date.now } = {}) => {
    const ecr = await FakeEcr.start(authority);
    ecr.now = now;
    const { server } = ecr;
    const own = server.url(ecrVpcHost);
    return {
      server,
      endpoint: own,
      objects: (options) => objectsOf('aws-ecr', server.url(ecrHost), awsKeys, options, own),
      url: `${server.url(ecrHost)}/v2/team/app/manifests/1`,
      answer: (answer) => (ecr.answer = answer),
      issue: (response, token) => {
        const authorizationToken = Buffer.from(`AWS:${token}`).toString('base64');
        const expiresAt = now() / 1000 + 3600;
        response.end(JSON.stringify({ authorizationData: [{ authorizationToken, expiresAt }] }));
      },
      used: ecr.used,
      rejection: {
        status: 400,
        body: { __type: 'UnrecognizedClientException', message: 'PROVIDER' },
        code: 'UnrecognizedClientException',
      },
    };
  },

  'github-app': async ({ authority, now = Date.now } = {}) => {
    const github = await GithubServer.start({ now, ...(authority && { authority }) });
    const keys = { appId: 'Iv1.app', installationId: '77', privateKey: appPrivateKey };
    return {
      server: github.tool,
      endpoint: github.url,
      objects: (options) => objectsOf('github-app', github.url, keys, options),
      url: `${github.url}/ada/app.git/info/refs?service=git-upload-pack`,
      answer: (answer) => (github.answer = answer),
      issue: (response, token) => {
        const expiresAt = new Date(now() + 3_600_000).toISOString();
        response.writeHead(201).end(JSON.stringify({ token, expires_at: expiresAt }));
      },
      get used() {
        return github.ofClients;
      },
      rejection: { status: 401, body: { message: 'PROVIDER' }, code: 'status 401' },
    };
  },
};

function objectsOf(
  type: string,
  address: string,
  keys: Readonly<Record<string, string>>,
  { extensions = [], keys: further = {} }: Parameters<TokenIssuer['objects']>[0] = {},
  ...own: readonly string[]
): readonly object[] {
  return [
    connector('tool', address, { secret: 'login', caSecret: 'tool-ca', extensions: [...own, ...extensions] }),
    secret('login', `connectors.alauda.io/${type}`, { ...keys, ...further }),
  ];
}

function ofTokenEndpoint(endpoint: TokenEndpoint): Pick<TokenIssuer, 'server' | 'answer' | 'issue' | 'used'> {
  return {
    server: endpoint.server,
    answer: (answer) => (endpoint.answer = answer && ((_seen, response) => answer(response))),
    issue: (response, token) => void response.end(JSON.stringify({ access_token: token, expires_in: 3600 })),
    used: endpoint.used,
  };
}
