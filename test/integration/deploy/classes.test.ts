import assert from 'node:assert/strict';
import {
  cloudAnswer,
  fakeTools,
  goodLogin,
  googleKeyFile,
  googleTokens,
  issuedLogins,
  issuedToken,
  oauthTokens,
} from '../../support/deploy/fake-tools.js';
import { classManifests } from '../../support/deploy/class-cases.js';
import { eventually } from '../../support/poll.js';
import { ClusterFixture } from '../../support/proxy/cluster-fixture.js';
import { connector, secret } from '../../support/proxy/manifests.js';
import { credentialCanary, robotBasic } from '../../support/proxy/proxy-fixture.js';
import { ToolServer, toolCa } from '../../support/proxy/tool-server.js';
import type { Answer, SeenRequest } from '../../support/proxy/tool-server.js';

interface AuthType {
  readonly name: string;
  readonly secretType: string;
  readonly optional?: boolean;
  readonly generator?: object;
}

const login = { username: 'robot', password: credentialCanary };

/** Where tools answer everybody, so that liveness probes reach them. */
const openPaths: ReadonlySet<string> = new Set([
  '/',
  '/api/system/status',
  '/api/v2.0/ping',
  '/artifactory/api/system/ping',
  '/livez',
  '/service/rest/v1/status',
]);

/** By the type of the Secret: its content, and the header by which the tool recognises the credential. */
const secrets: Readonly<Record<string, readonly [Readonly<Record<string, string>>, string, string]>> = {
  'kubernetes.io/basic-auth': [login, 'authorization', robotBasic],
  'cpaas.io/distribution-registry-token': [login, 'authorization', robotBasic],
  'connectors.cpaas.io/bearer-token': [{ token: credentialCanary }, 'authorization', `Bearer ${credentialCanary}`],
  'connectors.alauda.io/github-app': [
    goodLogin,
    'authorization',
    `Basic ${Buffer.from(`x-access-token:${goodLogin.token}`).toString('base64')}`,
  ],
  'connectors.alauda.io/aws-ecr': [goodLogin, 'authorization', issuedLogins.AWS],
  'connectors.alauda.io/google-service-account': [{}, 'authorization', issuedLogins.oauth2accesstoken],
  'connectors.alauda.io/oauth2-client': [
    { clientId: 'builds', clientSecret: credentialCanary },
    'authorization',
    `Bearer ${goodLogin.token}`,
  ],
  'connectors.cpaas.io/gitlab-pat-auth': [{ token: credentialCanary }, 'private-token', credentialCanary],
};

const asToken = Buffer.from(`x-access-token:${credentialCanary}`).toString('base64');
/** What generators of classes make of a Secret of type Opaque. */
const generated: Readonly<Record<string, readonly [Readonly<Record<string, string>>, string, string]>> = {
  'github patAuth': [{ token: credentialCanary }, 'authorization', `Basic ${asToken}`],
  'gitlab patAuth': [{ token: credentialCanary }, 'private-token', credentialCanary],
  'sonarqube tokenAuth': [{ token: credentialCanary }, 'authorization', `Bearer ${credentialCanary}`],
  'http bearerAuth': [{ token: credentialCanary }, 'authorization', `Bearer ${credentialCanary}`],
  'http headerAuth': [{ header: 'X-Api-Key', value: credentialCanary }, 'x-api-key', credentialCanary],
  'http queryAuth': [{ parameter: 'api_key', value: credentialCanary }, '?api_key', credentialCanary],
};

type CredentialCase = readonly [data: Readonly<Record<string, string>>, sentAs: string, value: string];

function credentialOf({ className, name, secretType }: (typeof cases)[number]): CredentialCase {
  return (secretType === 'Opaque' ? generated[`${className} ${name}`] : secrets[secretType])!;
}

/** @param sentAs a header, or `?` and a query parameter. */
function valueSent({ url, headers }: Pick<SeenRequest, 'url' | 'headers'>, sentAs: string): unknown {
  return sentAs.startsWith('?') ? new URL(url, 'http://tool').searchParams.get(sentAs.slice(1)) : headers[sentAs];
}

const declared = classManifests().flatMap(({ metadata, spec }) => {
  // The shape was checked by the tests of the catalogue.
  const { types } = (spec as { readonly auth: { readonly types: readonly AuthType[] } }).auth;
  return types.map((type) => ({ className: metadata.name ?? '', ...type }));
});
/** Each way to log in with the type that the class names, and with Opaque where its generator serves it too. */
const cases = declared.flatMap((each) =>
  each.secretType === 'Opaque' || each.generator === undefined ? [each] : [each, { ...each, secretType: 'Opaque' }],
);
const nameOf = ({ className, name, secretType }: (typeof cases)[number]): string =>
  `${className}-${name.toLowerCase()}${secretType === 'Opaque' ? '-opaque' : ''}`;

const fakeToolOf = ({ className, name }: (typeof cases)[number]) =>
  fakeTools.find((tool) => tool.className === className && tool.authName === name);

/** From the manifests that an operator applies to a request that the tool answers, with the proxy's own permissions. */
describe('Connectors of the classes of the chart', function () {
  this.timeout(120_000);

  let tool: ToolServer;
  let fixture: ClusterFixture;
  const urlOf = (each: (typeof cases)[number]): string => tool.url(fakeToolOf(each)?.host);

  before(async () => {
    const answer: Answer = (request, response, seen) => {
      const { url } = seen;
      const issued = cloudAnswer(request);
      if (issued !== undefined) {
        response.writeHead(issued.status).end(issued.body);
        return;
      }
      const isKnown = cases.map(credentialOf).some(([, sentAs, value]) => valueSent(seen, sentAs) === value);
      if (url === '/api/v3/app/installations/77/access_tokens') {
        response.writeHead(201).end(issuedToken().body);
        return;
      }
      // What SonarQube's probes want to read; other tools' look at the status.
      if (isKnown || openPaths.has(url)) response.end('{"status":"UP","valid":true}');
      else response.writeHead(401, { 'www-authenticate': 'Basic realm="tool"' }).end();
    };
    const hosts = fakeTools.flatMap(({ host = [], tokenHost = [] }) => [host, tokenHost].flat());
    tool = await ToolServer.start('https', answer, ['tool.example', oauthTokens, ...hosts]);
    fixture = await ClusterFixture.start();
    // All classes at once, with a Connector for each way to log in.
    fixture.maxObjectBytes = 8 << 20;
    fixture.put(
      ...classManifests(),
      toolCa,
      ...cases.flatMap((each) => {
        const { className, name, secretType } = each;
        const { tokenHost = [] } = fakeToolOf(each) ?? {};
        const extensions = [tokenHost, oauthTokens].flat().map((host) => tool.url(host));
        const used = { className, auth: name, caSecret: 'tool-ca', extensions };
        const file = googleKeyFile(tool.url(googleTokens), true);
        const tokenUrl = `${tool.url(oauthTokens)}/token`;
        return [
          secret(nameOf(each), secretType, { ...credentialOf(each)[0], 'key.json': file, tokenUrl }),
          connector(nameOf(each), urlOf(each), { ...used, secret: nameOf(each) }),
          connector(`${nameOf(each)}-bare`, urlOf(each), used),
        ];
      }),
    );
    fixture.bindCredentials('ci');
    await fixture.replica();
  });
  after(async () => {
    await fixture.stop();
    await tool.stop();
  });

  for (const each of cases) {
    const { className, name, secretType, optional } = each;
    const connectorName = nameOf(each);

    it(`are ready and used with the credential of the tool: ${className}, ${name}, ${secretType}`, async () => {
      const [, sentAs, value] = credentialOf(each);
      fixture.allow(connectorName);
      await eventually(
        `it is ready: ${fixture.message('Ready', connectorName)}`,
        () => fixture.condition('Ready', connectorName) === 'True Ready',
        40_000,
      );
      const client = fixture.client(`ci/${connectorName}`);
      const url = `/v2/app/manifests/${connectorName}`;
      const forward = await client.getSecurely(`${urlOf(each)}${url}?forward`);
      const reverse = await client.reverse(`/namespaces/ci/connectors/${connectorName}${url}?reverse`);
      assert.deepEqual([forward.status, reverse.status], [200, 200], `${forward.body}${reverse.body}`);
      const seen = tool.seen.filter((request) => request.url.startsWith(url));
      assert.deepEqual(
        seen.map((request) => valueSent(request, sentAs)),
        [value, value],
      );
    });

    it(`are used without a credential only where that is optional: ${className}, ${name}, ${secretType}`, async () => {
      fixture.allow(`${connectorName}-bare`);
      const { status, body } = await fixture.client(`ci/${connectorName}-bare`).getSecurely(`${urlOf(each)}/x`);
      assert.equal(status, optional === true ? 401 : 502, body);
      if (optional !== true) assert.match(body, /^spec\.auth\.secretRef is missing, which the class requires for /);
    });
  }
});
