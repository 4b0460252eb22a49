import assert from 'node:assert/strict';
import { classManifests } from '../../../support/deploy/class-cases.js';
import type { ClassSpec } from '../../../support/deploy/class-cases.js';
import type { FakeAnswer, FakeTool } from '../../../support/deploy/fake-tools.js';
import {
  badLogin,
  cloudAnswer,
  fakeTools,
  goodLogin,
  googleKeyFile,
  googleTokens,
  isOfApp,
  issuedLogins,
} from '../../../support/deploy/fake-tools.js';
import { eventually } from '../../../support/poll.js';
import { ClusterFixture } from '../../../support/proxy/cluster-fixture.js';
import { connector, secret } from '../../../support/proxy/manifests.js';
import { ToolServer, toolCa } from '../../../support/proxy/tool-server.js';
import type { Answer } from '../../../support/proxy/tool-server.js';

/** Changes what a tool answers: to requests with the credential and without. */
type Mood = (answer: FakeAnswer, isKnown: boolean) => FakeAnswer;
const unlessKnown =
  (status: number): Mood =>
  (answer, isKnown) =>
    isKnown ? answer : { ...answer, status };
const signInPath = '/sign-in';
const moods = {
  open: (answer: FakeAnswer) => answer,
  unauthorized: unlessKnown(401),
  forbidden: unlessKnown(403),
  down: () => ({ status: 503 }),
  signIn: (answer, isKnown) => (isKnown ? answer : { status: 302, headers: { Location: signInPath } }),
} satisfies Record<string, Mood>;

/** Their tools may want a login everywhere. */
const mayBeClosed = ['git', 'jfrog', 'k8s', 'maven', 'npm', 'pypi'];
const githubApi = 'api.github.com';

describe('the probes of the classes of the chart', function () {
  this.timeout(90_000);

  let fixture: ClusterFixture;
  const servers = new Map<string, ToolServer>();
  const hostOf = (tool: FakeTool): string => tool.host ?? `tool-${fakeTools.indexOf(tool)}.example`;
  const nameOf = (tool: FakeTool, mood: string, login = 'good'): string =>
    `tool-${fakeTools.indexOf(tool)}-${mood}-${login}`;

  before(async () => {
    fixture = await ClusterFixture.start();
    // All classes at once, with Connectors for each mood of each tool.
    fixture.maxObjectBytes = 8 << 20;
    fixture.bindCredentials('ci');
    fixture.put(toolCa);
    const hosts = [githubApi, ...fakeTools.flatMap((tool) => [hostOf(tool), tool.tokenHost ?? []].flat())];
    for (const [mood, change] of Object.entries(moods)) {
      servers.set(mood, await ToolServer.start('https', answerOf(change, hostOf), hosts));
    }
    for (const manifest of classManifests()) {
      // The API is at port 443 of a host of its own.
      const text = JSON.stringify(manifest).replaceAll(
        `"host":"${githubApi}"`,
        `"host":"${githubApi}","port":${servers.get('open')!.port}`,
      );
      fixture.put(JSON.parse(text) as object);
    }
    for (const tool of fakeTools) {
      const { secretType, authName } = tool;
      const keyOf = (isGood: boolean) => ({
        'key.json': googleKeyFile(servers.get('open')!.url(googleTokens), isGood),
      });
      const name = secretType.toLowerCase().replaceAll(/\W/g, '-');
      const good = secret(`good-${name}`, secretType, { ...goodLogin, ...keyOf(true) });
      const bad = secret(`bad-${name}`, secretType, { ...badLogin, ...keyOf(false) });
      fixture.put(good, bad);
      for (const [mood, server] of servers) {
        put(tool, mood, server, 'good', good);
        if (mood === 'open' || mood === 'signIn') put(tool, mood, server, 'bad', bad);
      }
      assert.ok(specOf(tool.className).auth.types.some((type) => type.name === authName));
    }
    await fixture.replica();
  });
  after(async () => {
    await fixture.stop();
    for (const server of servers.values()) await server.stop();
  });

  function put(tool: FakeTool, mood: string, server: ToolServer, login: string, used: object): void {
    const { name: secretName } = (used as { readonly metadata: { readonly name: string } }).metadata;
    const made = connector(nameOf(tool, mood, login), `${server.url(hostOf(tool))}${tool.path ?? ''}`, {
      className: tool.className,
      auth: tool.authName,
      secret: secretName,
      caSecret: 'tool-ca',
      extensions: [tool.className === 'github' ? githubApi : (tool.tokenHost ?? [])]
        .flat()
        .map((host) => servers.get('open')!.url(host)),
    }) as { readonly spec: { readonly auth: object } };
    const auth = { ...made.spec.auth, params: tool.authParams ?? [] };
    fixture.put({ ...made, spec: { ...made.spec, auth } });
  }

  const assertIs = async (name: string, expected: Readonly<Record<string, string>>): Promise<void> => {
    const found = (): Record<string, string> =>
      Object.fromEntries(Object.keys(expected).map((type) => [type, fixture.condition(type, name)]));
    await eventually(`${name} has a status`, () => fixture.condition('Ready', name) !== '', 60_000);
    assert.deepEqual(found(), expected, fixture.message('Ready', name));
  };

  it('are tried with every way to log in', () => {
    const tried = new Set(fakeTools.map(({ className, authName }) => `${className} ${authName}`));
    // Of any API, nobody knows a page that requires the credential.
    const probed = classManifests().filter(({ metadata }) => metadata.name !== 'http');
    const known = probed.flatMap(({ metadata }) =>
      specOf(metadata.name!).auth.types.map(({ name }) => `${metadata.name!} ${name}`),
    );
    assert.deepEqual([...tried].sort(), known.sort());
  });

  for (const tool of fakeTools) {
    const { className, authName, path = '/' } = tool;

    it(`of ${className} say that the tool at ${path} is there and takes the right ${authName}`, () =>
      assertIs(nameOf(tool, 'open'), {
        LivenessReady: 'True Answered',
        AuthReady: 'True Accepted',
        Ready: 'True Ready',
      }));

    it(`of ${className} say that the tool at ${path} is there and rejects a wrong ${authName}`, () =>
      assertIs(nameOf(tool, 'open', 'bad'), {
        LivenessReady: 'True Answered',
        AuthReady: 'False Rejected',
        Ready: 'False Rejected',
      }));

    it(`of ${className} say that the tool at ${path} is down`, () =>
      assertIs(nameOf(tool, 'down'), { LivenessReady: 'False UnexpectedAnswer', Ready: 'False UnexpectedAnswer' }));

    it(`of ${className} do not take the sign-in page of the tool at ${path} for an accepted ${authName}`, async () => {
      const name = nameOf(tool, 'signIn', 'bad');
      await eventually(`${name} has a status`, () => fixture.condition('Ready', name) !== '', 60_000);
      assert.match(fixture.condition('AuthReady', name), /^(?:Unknown UnexpectedAnswer|False Rejected)$/);
    });

    if (!mayBeClosed.includes(className)) continue;
    for (const mood of ['unauthorized', 'forbidden']) {
      it(`of ${className} take "${mood}" for a sign of life of the tool at ${path}`, () =>
        assertIs(nameOf(tool, mood), {
          LivenessReady: 'True Answered',
          AuthReady: 'True Accepted',
          Ready: 'True Ready',
        }));
    }
  }
});

interface AuthSpec extends ClassSpec {
  readonly auth: {
    readonly types: readonly { readonly name: string; readonly secretType: string; readonly generator?: object }[];
  };
}

function specOf(className: string): AuthSpec {
  return classManifests().find(({ metadata }) => metadata.name === className)!['spec'] as AuthSpec;
}

function answerOf(mood: Mood, hostOf: (tool: FakeTool) => string): Answer {
  const credentials: readonly unknown[] = [
    `Basic ${Buffer.from(`${goodLogin.username}:${goodLogin.password}`).toString('base64')}`,
    `Bearer ${goodLogin.token}`,
    goodLogin.token,
    ...Object.values(issuedLogins),
  ];
  return (request, response) => {
    if (request.url === signInPath) {
      response.end('<html>sign in</html>');
      return;
    }
    const issued = cloudAnswer(request);
    if (issued !== undefined) {
      response.writeHead(issued.status).end(issued.body);
      return;
    }
    const host = (request.headers.host ?? '').replace(/:\d+$/, '');
    const tool = fakeTools.find((each) => (host === githubApi ? each.className === 'github' : hostOf(each) === host));
    const shown = request.headers.authorization ?? request.headers['private-token'];
    const isKnown = credentials.includes(shown) || isOfApp(request.headers.authorization);
    const { status, headers, body } = mood(
      tool?.answer(request.url ?? '', isKnown, request) ?? { status: 404 },
      isKnown,
    );
    response.writeHead(status, headers).end(body);
  };
}
