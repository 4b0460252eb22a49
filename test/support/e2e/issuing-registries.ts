import path from 'node:path';
import { FakeEcr, awsKeys, ecrHost, ecrVpcHost } from '../proxy/ecr.ts';
import { GithubServer, appPrivateKey } from '../proxy/github-server.ts';
import { GoogleKey } from '../proxy/google-key.ts';
import { GoogleTokens } from '../proxy/google-tokens.ts';
import { secret } from '../proxy/manifests.ts';
import type { ConnectorOptions } from '../proxy/manifests.ts';
import { TokenEndpoint } from '../proxy/token-endpoint.ts';
import { ToolServer } from '../proxy/tool-server.ts';
import { DockerRegistry } from './docker-registry.ts';
import { toolPassword } from './flow-fixture.ts';
import type { FlowFixture } from './flow-fixture.ts';
import { GuardedServer, acceptsBasic, acceptsBearer, registryBehind } from './guarded-server.ts';
import { RegistryTokenService } from './registry-token-service.ts';

/** A registry, with the issuer of the tokens that it accepts. */
export interface IssuingRegistry {
  /** Name of its Connector. */
  readonly connector: string;
  /** `host:port`. */
  readonly address: string;
  /** Tokens so far. */
  readonly issued: () => number;
  /** Requests so far with a token that was not valid any more. */
  readonly rejected: () => number;
  /** Ends the life of all tokens so far. */
  readonly withdraw: () => void;
  /** Sets the life of tokens from now on, as the issuer tells it. Only `withdraw` ends it. */
  readonly setLifeMs: (lifeMs: number) => void;
}

const storedHost = 'stored.example';
const clientHosts = ['tool.example', 'images.example'];
const githubHosts = ['github.test', 'containers.github.test', 'github-tokens.test'];
const googleHosts = ['google.test', 'europe-west1-docker.pkg.dev', 'google-tokens.test'];

/** Names that the proxy must find. */
export const issuingHosts = [storedHost, ...clientHosts, ecrHost, ecrVpcHost, ...githubHosts, ...googleHosts];

/** Starts a registry for each type of Secret with which tokens are requested, each with a Connector of its type's name. */
export async function startIssuingRegistries(fixture: FlowFixture): Promise<readonly IssuingRegistry[]> {
  fixture.useClass('oci');
  fixture.useClass('github');
  const directory = path.join(fixture.work, 'stored');
  const stored = await DockerRegistry.start({ directory, host: storedHost });
  fixture.onStop(() => stored.stop());
  const serve = registryBehind(stored);
  return [
    await ofOauth2Client(fixture, serve),
    await ofAwsEcr(fixture, serve),
    await ofGithubApp(fixture),
    await ofGoogleServiceAccount(fixture),
  ];
}

type Serve = ReturnType<typeof registryBehind>;

/** A gateway that accepts tokens in headers. */
async function ofOauth2Client(fixture: FlowFixture, serve: Serve): Promise<IssuingRegistry> {
  const [, host = ''] = clientHosts;
  const sso = await TokenEndpoint.start();
  sso.prefix = toolPassword;
  const gateway = await GuardedServer.start({ host, accepts: acceptsBearer((token) => sso.accepts(token)), serve });
  fixture.onStop(() => sso.server.stop());
  fixture.onStop(() => gateway.stop());
  const keys = { clientId: 'builds', clientSecret: `${toolPassword}-secret`, tokenUrl: sso.url };
  sso.client = `${keys.clientId}:${keys.clientSecret}`;
  const connector = connect(fixture, 'oauth2-client', gateway.url, keys, { extensions: [sso.server.url()] });
  return {
    ...{ connector, address: gateway.address },
    issued: () => sso.asked.length,
    rejected: () => gateway.rejected,
    withdraw: () => sso.withdraw(),
    setLifeMs: (lifeMs) => (sso.expiresIn = lifeMs / 1000),
  };
}

/** A registry that wants passwords. */
async function ofAwsEcr(fixture: FlowFixture, serve: Serve): Promise<IssuingRegistry> {
  const aws = await FakeEcr.start();
  aws.newPassword = () => `${toolPassword}-${aws.asked.length}`;
  const accepts = acceptsBasic('AWS', (password) => aws.accepts(password));
  const challenge = 'Basic realm="ECR",service="ecr.amazonaws.com"';
  const gateway = await GuardedServer.start({ host: ecrHost, accepts, serve, challenge });
  fixture.onStop(() => aws.server.stop());
  fixture.onStop(() => gateway.stop());
  const extensions = [aws.server.url(ecrVpcHost)];
  const connector = connect(fixture, 'aws-ecr', gateway.url, awsKeys, { auth: 'awsEcr', extensions });
  return {
    ...{ connector, address: gateway.address },
    issued: () => aws.asked.length,
    rejected: () => gateway.rejected,
    withdraw: () => aws.withdraw(),
    setLifeMs: (lifeMs) => (aws.lifeMs = lifeMs),
  };
}

/** A registry with a token service, whose tokens are good for one request. */
async function ofGithubApp(fixture: FlowFixture): Promise<IssuingRegistry> {
  const [host = '', registryHost = '', serviceHost = ''] = githubHosts;
  const github = await GithubServer.start({ hosts: [host], token: `ghs_${toolPassword}` });
  fixture.onStop(() => github.tool.stop());
  const isRight = (login: string): boolean => github.valid.has(login.replace('x-access-token:', ''));
  const { registry, service } = await withTokenService(fixture, registryHost, serviceHost, isRight);
  const extensions = [registry.url, service.url];
  const keys = { appId: 'Iv1.app', installationId: '77', privateKey: appPrivateKey };
  const options = { className: 'github', auth: 'githubApp', extensions };
  const connector = connect(fixture, 'github-app', github.url, keys, options);
  return {
    ...{ connector, address: registry.address },
    issued: () => github.asked.length,
    rejected: () => service.rejected,
    withdraw: () => github.valid.clear(),
    setLifeMs: (lifeMs) => (github.lifeMs = lifeMs),
  };
}

/** As that of GitHub. */
async function ofGoogleServiceAccount(fixture: FlowFixture): Promise<IssuingRegistry> {
  const [host = '', registryHost = '', serviceHost = ''] = googleHosts;
  const key = new GoogleKey();
  const endpoint = await ToolServer.start('https', undefined, [host]);
  fixture.onStop(() => endpoint.stop());
  const url = `${endpoint.url(host)}/token`;
  const google = new GoogleTokens(key, url, toolPassword);
  endpoint.answer = (request, response, seen) => request.on('end', () => void google.issue(seen, response));
  const isRight = (login: string): boolean => google.accepts(login.replace('oauth2accesstoken:', ''));
  const { registry, service } = await withTokenService(fixture, registryHost, serviceHost, isRight);
  const extensions = [service.url, endpoint.url(host)];
  const keys = { 'key.json': key.file(url) };
  const options = { auth: 'googleServiceAccount', extensions };
  const connector = connect(fixture, 'google-service-account', registry.url, keys, options);
  return {
    ...{ connector, address: registry.address },
    issued: () => google.scopes.length,
    rejected: () => service.rejected,
    withdraw: () => google.withdraw(),
    setLifeMs: (lifeMs) => (google.lifeMs = lifeMs),
  };
}

async function withTokenService(
  fixture: FlowFixture,
  host: string,
  serviceHost: string,
  isRight: (login: string) => boolean,
): Promise<{ readonly registry: DockerRegistry; readonly service: RegistryTokenService }> {
  const service = await RegistryTokenService.start(serviceHost, isRight);
  // So short that the proxy uses no token again, and each request needs a valid login.
  service.expiresIn = 1;
  fixture.onStop(() => service.stop());
  const registry = await DockerRegistry.start({ directory: path.join(fixture.work, host), host, auth: service });
  fixture.onStop(() => registry.stop());
  return { registry, service };
}

function connect(
  fixture: FlowFixture,
  type: string,
  address: string,
  keys: Readonly<Record<string, string>>,
  options: ConnectorOptions,
): string {
  fixture.put(secret(type, `connectors.alauda.io/${type}`, keys));
  fixture.connect(type, address, { className: 'oci', secret: type, ...options });
  return type;
}
