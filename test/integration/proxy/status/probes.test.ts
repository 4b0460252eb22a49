import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { chartFile } from '../../../support/deploy/manifests.ts';
import { eventually } from '../../../support/poll.ts';
import { ClusterFixture } from '../../../support/proxy/cluster-fixture.ts';
import { basicTemplate, connector, connectorClass, proxyService, secret } from '../../../support/proxy/manifests.ts';
import type { ConnectorOptions } from '../../../support/proxy/manifests.ts';
import { credentialCanary, robotLogin, robotBasic } from '../../../support/proxy/proxy-fixture.ts';
import { ToolServer, toolCa } from '../../../support/proxy/tool-server.ts';
import { started } from '../../../support/started.ts';

const authProbe = (http: object): object => ({
  auth: { types: [{ name: 'basicAuth', secretType: 'kubernetes.io/basic-auth' }] },
  authProbes: [{ authName: 'basicAuth', probe: { http } }],
});

describe('the probes of a class', function () {
  this.timeout(90_000);

  let tool: ToolServer;
  let fixture: ClusterFixture;
  const put = (spec: object, options: ConnectorOptions = {}): void =>
    fixture.put(
      connectorClass('any', { proxy: { ref: proxyService }, ...spec }),
      connector('tool', tool.url(), { secret: 'login', caSecret: 'tool-ca', ...options }),
    );
  const answering = (status: number, body = ''): void => {
    tool.answer = (_request, response: ServerResponse) => void response.writeHead(status).end(body);
  };

  beforeEach(async () => {
    tool = started(await ToolServer.start('https'));
    fixture = started(await ClusterFixture.start());
    fixture.put(robotLogin, toolCa);
    fixture.bindCredentials('ci');
  });

  it('say whether the tool is there and takes the password, which they show as the class says', async () => {
    put({
      livenessProbe: { http: { path: '/ping/{{ .Connector.Name }}' } },
      ...authProbe({
        path: '/{{ range .Connector.Spec.Auth.Params }}{{ if eq .Name "repository" }}{{ .Value.StringVal }}{{ end }}{{ end }}/refs',
        httpHeaders: [
          { name: 'Authorization', value: basicTemplate },
          { name: 'X-Empty', value: '{{ with .Connector.Spec.Nothing }}x{{ end }}' },
        ],
      }),
    });
    const params = [{ name: 'repository', value: 'team/app.git' }];
    const made = connector('tool', tool.url(), { secret: 'login', caSecret: 'tool-ca' }) as { spec: { auth: object } };
    fixture.put({ ...made, spec: { ...made.spec, auth: { ...made.spec.auth, params } } });
    tool.answer = (request, response) =>
      void response
        .writeHead(request.url === '/team/app.git/refs' && request.headers.authorization !== robotBasic ? 401 : 204)
        .end();
    await fixture.replica();
    await fixture.becomes('AuthReady', 'True Accepted');
    assert.equal(fixture.condition('LivenessReady'), 'True Answered');
    assert.equal(fixture.condition('Ready'), 'True Ready');
    assert.deepEqual(
      tool.seen.slice(0, 2).map(({ method, url, headers }) => [method, url, headers.authorization, headers['x-empty']]),
      [
        ['GET', '/ping/tool', undefined, undefined],
        ['GET', '/team/app.git/refs', robotBasic, undefined],
      ],
    );
    fixture.put(secret('old-login', 'kubernetes.io/basic-auth', { username: 'robot', password: 'wrong' }));
    const auth = { ...made.spec.auth, params, secretRef: { name: 'old-login' } };
    fixture.put({ ...made, metadata: { namespace: 'ci', name: 'other' }, spec: { ...made.spec, auth } });
    await fixture.becomes('AuthReady', 'False Rejected', 'other');
    assert.equal(fixture.condition('Ready', 'other'), 'False Rejected');
    assert.match(
      fixture.message('Ready', 'other'),
      /^https:\/\/tool\.example:\d+ answered 401 to the credential in Secret ci\/old-login: see/,
    );
  });

  it('judge the answer by the expression, on its body, headers and status', async () => {
    const text = '{"status":"UP","by":"Zoë"}';
    const cel = [
      "response.statusCode == 200 && response.body.status == 'UP' && response.headers['x-kind'] == 'sonar, qube'",
      "response.headers['X-Kind'] == ['sonar', 'qube'] && response.headers['Content-Type'][0] == 'application/json'",
      `response.bodyString == ${JSON.stringify(text)} && response.bodyString.contains('"UP"')`,
    ].join(' && ');
    put({ livenessProbe: { http: { path: '/', response: { cel } } } });
    tool.answer = (_request, response) => {
      response.writeHead(200, { 'X-Kind': ['sonar', 'qube'], 'content-type': 'application/json' });
      // A letter of two bytes in two chunks.
      const bytes = Buffer.from(text);
      const half = bytes.indexOf(0xc3) + 1;
      response.write(bytes.subarray(0, half), () => setImmediate(() => response.end(bytes.subarray(half))));
    };
    await fixture.replica();
    await fixture.becomes('LivenessReady', 'True Answered');
    put({ livenessProbe: { http: { path: '/', response: { cel: 'response.body.status == "DOWN"' } } } });
    await fixture.becomes('LivenessReady', 'False UnexpectedAnswer');
    assert.match(
      fixture.message('LivenessReady'),
      /connectorclass any: spec\.livenessProbe\.http\.response\.cel is false$/,
    );
    // Not JSON, so that there is no member; what was answered is in no message.
    answering(200, credentialCanary);
    put({ livenessProbe: { http: { path: '/x', response: { cel: 'response.body.status == "UP"' } } } });
    await eventually('it is told', () =>
      fixture.message('LivenessReady').endsWith('response.cel cannot be decided by that'),
    );
  });

  it('name what is wrong with the class, and quote nothing secret', async () => {
    const wrong: readonly (readonly [object, RegExp])[] = [
      [{ path: '{{ .Nope' }, /^connectorclass any: spec\.authProbes\[0\]\.probe\.http: template: path:1: /],
      [{ path: '/{{ fail .Secret.StringData.password }}' }, /template: path:1:.* calling fail: \[REDACTED\]$/],
      [{ path: '{{ .Secret.StringData.password }}' }, /http\.path must begin with "\/"/],
      [
        { path: '/', httpHeaders: [{ name: 'Host', value: 'x' }] },
        /httpHeaders\[0\]\.name is no header that a probe may set$/,
      ],
      [
        { path: '/', httpHeaders: [{ name: 'A', value: '{{ "a\\nb" }}' }] },
        /httpHeaders\[0\]\.value cannot be sent in a header$/,
      ],
      [{ path: '/', response: { cel: 'response.' } }, /response\.cel: /],
      [{ path: '/', method: 'DELETE' }, /method must be one of GET, HEAD, POST, OPTIONS$/],
      [{ path: '/', port: 'http' }, /port must be a port number$/],
      [
        { path: '/{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}' },
        /template (?:takes|needs) more than/,
      ],
    ];
    await fixture.replica();
    for (const [http, expected] of wrong) {
      put(authProbe(http));
      await eventually(
        `${JSON.stringify(http)}: ${fixture.message('AuthReady')}`,
        () => expected.test(fixture.message('AuthReady')),
        40_000,
      );
      assert.equal(fixture.condition('AuthReady'), 'Unknown ProbeUnusable');
      assert.equal(fixture.condition('Ready'), 'True Ready', 'a class that cannot be probed can be used');
    }
    assert.deepEqual(
      tool.seen.filter(({ url }) => url !== '/'),
      [],
    );
  });

  it('go to addresses of the Connector only', async () => {
    const elsewhere = started(await ToolServer.start('https', undefined, ['elsewhere.example']));
    const http = {
      host: 'elsewhere.example',
      port: elsewhere.port,
      path: '/',
      httpHeaders: [{ name: 'Authorization', value: basicTemplate }],
    };
    put(authProbe(http));
    await fixture.replica();
    await fixture.becomes('AuthReady', 'Unknown ProbeUnusable');
    assert.match(
      fixture.message('AuthReady'),
      /which is no address of the Connector, so that it is not given the credential: add it to spec\.addressExtensions$/,
    );
    put(authProbe(http), { extensions: [elsewhere.url('elsewhere.example')] });
    await fixture.becomes('AuthReady', 'True Accepted');
    assert.equal(elsewhere.seen[0]?.headers.authorization, robotBasic);
  });

  it('keep to the rules for addresses and to the trust of requests', async () => {
    put({ livenessProbe: { http: { path: '/' } } }, { caSecret: 'other-ca' });
    fixture.put(secret('other-ca', 'Opaque', { 'ca.crt': fixture.api.authority.certificate }));
    await fixture.replica();
    await fixture.becomes('LivenessReady', 'False Unreachable');
    assert.match(
      fixture.message('LivenessReady'),
      /^TLS failed \(\w+\): .*spec\.caCertSecretRef of the Connector to a Secret in the same namespace with the CA certificate$/,
    );
    fixture.put(connector('tool', 'http://169.254.169.254', { secret: 'login' }));
    await eventually(
      'the address is refused',
      () => fixture.message('LivenessReady').includes('169.254.169.254'),
      40_000,
    );
    assert.deepEqual(tool.seen, []);
  });

  it('end with tools that send without end', async () => {
    tool.answer = (_request, response) => {
      response.writeHead(200);
      const more = (): void => {
        if (!response.destroyed) response.write('x'.repeat(65_536), more);
      };
      more();
    };
    put({ livenessProbe: { http: { path: '/', response: { cel: 'response.body == ""' } } } });
    await fixture.replica();
    await fixture.becomes('LivenessReady', 'False UnexpectedAnswer');
    assert.match(fixture.message('LivenessReady'), /response\.cel cannot be decided by that$/);
    put({ livenessProbe: { http: { path: '/', response: { cel: 'response.statusCode == 200' } } } });
    await fixture.becomes('LivenessReady', 'True Answered');
  });

  it('end with tools that send nothing', async () => {
    fixture.statusTimings = { ...fixture.statusTimings, probeMs: 500 };
    tool.answer = () => undefined;
    put({ livenessProbe: { http: { path: '/mute' } } });
    await fixture.replica();
    await fixture.becomes('LivenessReady', 'False Unreachable');
    assert.match(fixture.message('LivenessReady'), /^no whole response of .* in time$/);
  });

  it('of tools that say nothing, in three namespaces, hold up no other namespace', async () => {
    const mute = started(await ToolServer.start('http', () => undefined));
    fixture.statusTimings = { ...fixture.statusTimings, probeMs: 600_000 };
    fixture.put(connectorClass('any', { proxy: { ref: proxyService }, livenessProbe: { http: { path: '/' } } }));
    for (const namespace of ['a', 'b', 'c'])
      for (const name of ['1', '2', '3', '4', '5']) fixture.put(connector(name, mute.url(), { namespace }));
    await fixture.replica();
    await eventually('four of each wait', () => mute.seen.length === 12, 30_000);
    fixture.put(connector('tool', tool.url(), { secret: 'login', caSecret: 'tool-ca' }));
    await fixture.becomes('LivenessReady', 'True Answered');
    assert.equal(mute.seen.length, 12);
  });

  for (const [what, below, root] of [
    ['', '', ''],
    [' below a path', '/registry', '/registry'],
    [' of which an address is a part', '/registry/v2/team', '/registry'],
  ] as const) {
    it(`of a registry${what} without one of its own: the way in which it asks for a login`, async () => {
      let isRight = true;
      tool.answer = (request, response) => {
        if (request.url !== `${root}/v2/` && request.url?.startsWith('/token') !== true) response.writeHead(404).end();
        else if (request.url.startsWith('/token')) {
          if (isRight) response.end(JSON.stringify({ token: 'registry-token' }));
          else response.writeHead(401).end();
        } else if (request.headers.authorization === 'Bearer registry-token') response.end('{}');
        else {
          const realm = `${tool.url()}/token`;
          response.writeHead(401, { 'WWW-Authenticate': `Bearer realm="${realm}",service="tool"` }).end();
        }
      };
      fixture.put(
        secret('login', 'cpaas.io/distribution-registry-token', { username: 'robot', password: credentialCanary }),
      );
      const [oci] = chartFile('classes/oci') as unknown as {
        readonly spec: object;
      }[];
      const options = { secret: 'login', caSecret: 'tool-ca' };
      fixture.put(
        connectorClass('any', { proxy: { ref: proxyService }, ...oci!.spec }),
        connector('tool', `${tool.url()}${below}`, options),
      );
      await fixture.replica();
      await fixture.becomes('AuthReady', 'True Accepted');
      assert.equal(fixture.condition('LivenessReady'), 'True Answered');
      isRight = false;
      fixture.put(connector('other', `${tool.url()}${below}`, options));
      await fixture.becomes('AuthReady', 'False Rejected', 'other');
      assert.match(
        fixture.message('AuthReady', 'other'),
        /^wrong password of connector ci\/other: .* rejects user name and password \(401\)$/,
      );
    });
  }
});
