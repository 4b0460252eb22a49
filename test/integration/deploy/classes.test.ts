import assert from 'node:assert/strict';
import { classManifests } from '../../support/classes/class-cases.ts';
import type { ClassSpec } from '../../support/classes/class-cases.ts';
import type { FakeAnswer, FakeTool } from '../../support/classes/fake-tools.ts';
import {
  badLogin,
  cloudAnswer,
  fakeTools,
  goodLogin,
  googleKeyFile,
  googleTokens,
  isOfApp,
  oauthTokens,
  sentTo,
} from '../../support/classes/fake-tools.ts';
import { eventually } from '../../support/poll.ts';
import { ClusterFixture } from '../../support/proxy/cluster-fixture.ts';
import { connector, secret } from '../../support/proxy/manifests.ts';
import { ToolServer, toolCa } from '../../support/proxy/tool-server.ts';
import type { Answer, SeenRequest } from '../../support/proxy/tool-server.ts';

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
/** Below the path of a tool: what is for users alone. The class for registries takes no credential to other paths. */
const usedPath = '/v2/app/manifests/';
/** Of any API, nobody knows a page that requires the credential. */
const isProbed = ({ className }: FakeTool): boolean => className !== 'http';

/** From the manifests that an operator applies to a request that the tool answers, with the proxy's own permissions. */
describe('Connectors of the classes of the chart', function () {
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
      const { secretType } = tool;
      const open = servers.get('open')!;
      const keyOf = (isGood: boolean) => ({
        'key.json': googleKeyFile(open.url(googleTokens), isGood),
        tokenUrl: `${open.url(oauthTokens)}/token`,
      });
      const name = secretType.toLowerCase().replaceAll(/\W/g, '-');
      const good = secret(`good-${name}`, secretType, { ...goodLogin, ...keyOf(true) });
      const bad = secret(`bad-${name}`, secretType, { ...badLogin, ...keyOf(false) });
      fixture.put(good, bad);
      put(tool, 'open', open, 'bare');
      if (!isProbed(tool)) put(tool, 'open', open, 'good', good);
      for (const [mood, server] of isProbed(tool) ? servers : []) {
        put(tool, mood, server, 'good', good);
        if (mood === 'open' || mood === 'signIn') put(tool, mood, server, 'bad', bad);
      }
    }
    await fixture.replica();
  });
  after(async () => {
    await fixture.stop();
    for (const server of servers.values()) await server.stop();
  });

  function put(tool: FakeTool, mood: string, server: ToolServer, login: string, used?: object): void {
    const secretName = (used as { readonly metadata: { readonly name: string } } | undefined)?.metadata.name;
    const made = connector(nameOf(tool, mood, login), `${server.url(hostOf(tool))}${tool.path ?? ''}`, {
      className: tool.className,
      auth: tool.authName,
      ...(secretName !== undefined && { secret: secretName }),
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

  it('are tried with every way to log in, and with Opaque where a generator serves it too', () => {
    const tried = new Set(
      fakeTools.map(({ className, authName, secretType }) => `${className} ${authName} ${secretType}`),
    );
    const declared = classManifests().flatMap(({ metadata }) =>
      specOf(metadata.name!).auth.types.flatMap(({ name, secretType, generator }) =>
        [secretType, generator === undefined ? [] : 'Opaque'].flat().map((type) => `${metadata.name!} ${name} ${type}`),
      ),
    );
    assert.deepEqual(
      declared.filter((way) => !tried.has(way)),
      [],
    );
  });

  for (const tool of fakeTools) {
    const { className, authName, secretType, path = '/' } = tool;
    const used = `${path.replace(/\/$/, '')}${usedPath}${fakeTools.indexOf(tool)}`;
    const open = (): ToolServer => servers.get('open')!;

    it(`of ${className} are ready and used with the credential of the tool at ${path}: ${authName}, ${secretType}`, async () => {
      const name = nameOf(tool, 'open');
      fixture.allow(name);
      await eventually(
        () => `${name} is ready: ${fixture.message('Ready', name)}`,
        () => fixture.condition('Ready', name) === 'True Ready',
        60_000,
      );
      const client = fixture.client(`ci/${name}`);
      const forward = await client.getSecurely(`${open().url(hostOf(tool))}${used}?forward`);
      const below = used.slice(used.indexOf(usedPath));
      const reverse = await client.reverse(`/namespaces/ci/connectors/${name}${below}?reverse`);
      assert.deepEqual([forward.status, reverse.status], [200, 200], `${forward.body}${reverse.body}`);
      const [field, value] = sentTo(tool);
      const seen = open().seen.filter(({ url }) => url.startsWith(`${used}?`));
      assert.deepEqual(
        seen.map((request) => valueSent(request, field)),
        [value, value],
      );
    });

    it(`of ${className} are used without a credential only where that is optional: ${authName}, ${secretType}`, async () => {
      const name = nameOf(tool, 'open', 'bare');
      fixture.allow(name);
      const { status, body } = await fixture
        .client(`ci/${name}`)
        .getSecurely(`${open().url(hostOf(tool))}${used}/bare`);
      const { optional } = specOf(className).auth.types.find((type) => type.name === authName)!;
      assert.equal(status, optional === true ? 401 : 502, body);
      if (optional !== true) assert.match(body, /^spec\.auth\.secretRef is missing, which the class requires for /);
    });

    if (!isProbed(tool)) continue;
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
    readonly types: readonly {
      readonly name: string;
      readonly secretType: string;
      readonly optional?: boolean;
      readonly generator?: object;
    }[];
  };
}

function specOf(className: string): AuthSpec {
  return classManifests().find(({ metadata }) => metadata.name === className)!['spec'] as AuthSpec;
}

/** @param field a header, or `?` and a query parameter. */
function valueSent({ url, headers }: SeenRequest, field: string): unknown {
  return field.startsWith('?') ? new URL(url, 'http://tool').searchParams.get(field.slice(1)) : headers[field];
}

function answerOf(mood: Mood, hostOf: (tool: FakeTool) => string): Answer {
  return (request, response, seen) => {
    if (seen.url === signInPath) {
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
    const isKnown = fakeTools.map(sentTo).some(([field, value]) => valueSent(seen, field) === value);
    if (seen.url.includes(usedPath)) {
      response.writeHead(isKnown ? 200 : 401).end();
      return;
    }
    const isLogin = isKnown || isOfApp(request.headers.authorization);
    const { status, headers, body } = mood(tool?.answer(seen.url, isLogin, request) ?? { status: 404 }, isLogin);
    response.writeHead(status, headers).end(body);
  };
}
