import assert from 'node:assert/strict';
import { goodLogin, issuedToken } from '../../support/deploy/fake-tools.js';
import { classManifests } from '../../support/deploy/class-cases.js';
import { eventually } from '../../support/poll.js';
import { ClusterFixture } from '../../support/proxy/cluster-fixture.js';
import { connector, secret } from '../../support/proxy/manifests.js';
import { credentialCanary } from '../../support/proxy/proxy-fixture.js';
import { ToolServer, toolAuthority } from '../../support/proxy/tool-server.js';

interface AuthType {
  readonly name: string;
  readonly secretType: string;
  readonly optional?: boolean;
}

const login = { username: 'robot', password: credentialCanary };
const basic = `Basic ${Buffer.from(`robot:${credentialCanary}`).toString('base64')}`;

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
  'kubernetes.io/basic-auth': [login, 'authorization', basic],
  'cpaas.io/distribution-registry-token': [login, 'authorization', basic],
  'connectors.cpaas.io/bearer-token': [{ token: credentialCanary }, 'authorization', `Bearer ${credentialCanary}`],
  'connectors.alauda.io/github-app': [
    goodLogin,
    'authorization',
    `Basic ${Buffer.from(`x-access-token:${goodLogin.token}`).toString('base64')}`,
  ],
  'connectors.cpaas.io/gitlab-pat-auth': [{ token: credentialCanary }, 'private-token', credentialCanary],
};

const cases = classManifests().flatMap(({ metadata, spec }) => {
  // The shape was checked by the tests of the catalogue.
  const { types } = (spec as { readonly auth: { readonly types: readonly AuthType[] } }).auth;
  return types.map((type) => ({ className: metadata.name ?? '', ...type }));
});
const nameOf = (className: string, name: string): string => `${className}-${name.toLowerCase()}`;

/** From the manifests that an operator applies to a request that the tool answers, with the proxy's own permissions. */
describe('Connectors of the classes of deploy/classes', function () {
  this.timeout(120_000);

  let tool: ToolServer;
  let fixture: ClusterFixture;

  before(async () => {
    tool = await ToolServer.start('https', (_request, response, { url, headers }) => {
      const isKnown = Object.values(secrets).some(([, header, value]) => headers[header] === value);
      if (url === '/api/v3/app/installations/77/access_tokens') {
        response.writeHead(201).end(issuedToken().body);
        return;
      }
      // What SonarQube's probes want to read; other tools' look at the status.
      if (isKnown || openPaths.has(url)) response.end('{"status":"UP","valid":true}');
      else response.writeHead(401, { 'www-authenticate': 'Basic realm="tool"' }).end();
    });
    fixture = await ClusterFixture.start();
    fixture.put(
      ...classManifests(),
      secret('tool-ca', 'Opaque', { 'ca.crt': toolAuthority.certificate }),
      ...cases.flatMap(({ className, name, secretType }) => [
        secret(nameOf(className, name), secretType, secrets[secretType]![0]),
        connector(nameOf(className, name), tool.url(), {
          className,
          auth: name,
          secret: nameOf(className, name),
          caSecret: 'tool-ca',
        }),
        connector(`${nameOf(className, name)}-bare`, tool.url(), { className, auth: name, caSecret: 'tool-ca' }),
      ]),
    );
    fixture.bindCredentials('ci');
    await fixture.replica();
  });
  after(async () => {
    await fixture.stop();
    await tool.stop();
  });

  for (const { className, name, secretType, optional } of cases) {
    const connectorName = nameOf(className, name);

    it(`are ready and used with the credential of the tool: ${className}, ${name}`, async () => {
      const [, header, value] = secrets[secretType]!;
      fixture.allow(connectorName);
      await eventually(
        `it is ready: ${fixture.message('Ready', connectorName)}`,
        () => fixture.condition('Ready', connectorName) === 'True Ready',
        40_000,
      );
      const client = fixture.client(`ci/${connectorName}`);
      const url = `/v2/app/manifests/${connectorName}`;
      const forward = await client.getSecurely(`${tool.url()}${url}?forward`);
      const reverse = await client.reverse(`/namespaces/ci/connectors/${connectorName}${url}?reverse`);
      assert.deepEqual([forward.status, reverse.status], [200, 200], `${forward.body}${reverse.body}`);
      const seen = tool.seen.filter((each) => each.url.startsWith(url));
      assert.deepEqual(
        seen.map(({ headers }) => headers[header]),
        [value, value],
      );
    });

    it(`are used without a credential only where that is optional: ${className}, ${name}`, async () => {
      fixture.allow(`${connectorName}-bare`);
      const { status, body } = await fixture.client(`ci/${connectorName}-bare`).getSecurely(`${tool.url()}/x`);
      assert.equal(status, optional === true ? 401 : 502, body);
      if (optional !== true) assert.match(body, /^spec\.auth\.secretRef is missing, which the class requires for /);
    });
  }
});
