import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import path from 'node:path';
import type { TestVolume } from '../../support/driver/test-volume.ts';
import { DockerRegistry } from '../../support/e2e/docker-registry.ts';
import type { FlowFixture } from '../../support/e2e/flow-fixture.ts';
import { toolPassword, useFlowFixture } from '../../support/e2e/flow-fixture.ts';
import { containersEnvironment, needsRootForContainers } from '../../support/e2e/programs.ts';
import type { Run } from '../../support/e2e/programs.ts';
import type { RefusedProgram, Shown } from '../../support/e2e/refused-programs.ts';
import { refusedPrograms } from '../../support/e2e/refused-programs.ts';
import { eventually } from '../../support/poll.ts';
import { secret } from '../../support/proxy/manifests.ts';
import { ToolServer } from '../../support/proxy/tool-server.ts';

const login = { username: 'robot', password: toolPassword };
const basic = `Basic ${Buffer.from(`robot:${toolPassword}`).toString('base64')}`;
const programs = refusedPrograms.map(({ program }) => program);
/** What the proxy may remember of a Secret, and then some for a busy machine. */
const forgottenMs = 60_000;
const ofGood = { connectors: 'web-good,hub-good' };
const commit = '0123456789012345678901234567890123456789';

const mayNotUse = /cannot use connectors? ci\/(web|hub)-good/;

/** For a program that should have given up. */
const longestSeconds = 20;

/** What the web server has, by path: a thing for each program. */
const contents: Readonly<Record<string, readonly [type: string, text: string]>> = {
  '/page': ['text/plain', 'welcome'],
  '/app.git/info/refs': ['text/plain', `${commit}\trefs/heads/main\n`],
  '/app.git/HEAD': ['text/plain', 'ref: refs/heads/main\n'],
  '/thing': [
    'application/json',
    JSON.stringify({
      name: 'thing',
      'dist-tags': { latest: '1.2.3' },
      versions: { '1.2.3': { name: 'thing', version: '1.2.3' } },
    }),
  ],
  '/simple/thing/': ['text/html', '<a href="../../thing-1.2.3.tar.gz">thing-1.2.3.tar.gz</a>'],
};

function answer({ url = '', headers }: IncomingMessage, response: ServerResponse): void {
  if (headers.authorization !== basic) {
    response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="tool"' }).end('who are you?');
    return;
  }
  const [type, text] = contents[url.split('?')[0] ?? ''] ?? [];
  response.writeHead(text === undefined ? 404 : 200, { 'Content-Type': type ?? 'text/plain' }).end(text ?? '');
}

describe('programs of all kinds that must not get through', function () {
  this.timeout(180_000);
  let web: ToolServer;
  let registry: DockerRegistry;
  let volume: TestVolume;
  /** With a Secret that is deleted once they have been served. */
  let going: TestVolume;
  /** With a token that lives for two seconds. */
  let short: TestVolume;
  let count = 0;
  before(needsRootForContainers);
  const use = useFlowFixture(
    { hosts: ['web.test', 'hub.test'] },
    [...programs, 'docker-registry', 'netavark'],
    async (fixture) => {
      const at = (name: string): string => path.join(fixture.work, name);
      registry = await DockerRegistry.start({ directory: at('hub'), host: 'hub.test', auth: login });
      web = await ToolServer.start('https', answer, ['web.test']);
      fixture.onStop(() => registry.stop());
      fixture.onStop(() => web.stop());
      writeFileSync(at('policy.json'), JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }));
      for (const [name, password] of [
        ['login', toolPassword],
        ['going', toolPassword],
      ] as const) {
        fixture.put(secret(name, 'kubernetes.io/basic-auth', { username: 'robot', password }));
      }
      for (const [name, secretName, caSecret] of [
        ['good', 'login', 'tool-ca'],
        ['going', 'going', 'tool-ca'],
        ['unknown', 'login', 'login'],
      ] as const) {
        fixture.connect(`web-${name}`, web.url('web.test'), { secret: secretName, caSecret });
        fixture.connect(`hub-${name}`, registry.url, { secret: secretName, caSecret });
        fixture.allow([`web-${name}`, `hub-${name}`]);
      }
      volume = await volumeOf('web-good,hub-good');
      await seed(fixture);
    },
  );

  const volumeOf = (connectors: string, serviceAccountName = 'builder'): Promise<TestVolume> =>
    use.fixture.volume({ attributes: { connectors }, serviceAccountName });

  /** An image for those who may have it. */
  const seed = async (fixture: FlowFixture): Promise<void> => {
    const folder = path.join(fixture.work, 'image');
    mkdirSync(folder);
    writeFileSync(path.join(folder, 'Dockerfile'), 'FROM scratch\nCOPY Dockerfile /\n');
    const storage = `--root ${folder}/s --runroot ${folder}/r`;
    const script = `mkdir ${folder}/ca && cp ca.crt ${folder}/ca
      buildah ${storage} bud -q --signature-policy ${fixture.work}/policy.json --tag built ${folder}
      buildah ${storage} push -q --signature-policy ${fixture.work}/policy.json --cert-dir ${folder}/ca built docker://${registry.address}/team/app:1`;
    await fixture.task(volume, script, containersEnvironment(fixture.work));
  };

  const shownBy = (output: string, status: RegExp, reason: RegExp, rest: RegExp): Shown => {
    if (reason.test(output)) return rest.test(output) ? 'sentence' : 'reason';
    return status.test(output) ? 'status' : 'nothing';
  };

  interface Tried extends Run {
    readonly program: RefusedProgram;
  }

  /** All programs at once, as tasks in a pod with the volume. @param before a line that is run before each. */
  const tryAll = (of: TestVolume, before = ''): Promise<readonly Tried[]> =>
    Promise.all(
      refusedPrograms.map(async (program) => {
        const folder = path.join(use.fixture.work, `try-${(count += 1)}`);
        mkdirSync(path.join(folder, 'ca'), { recursive: true });
        const caFile = path.join(folder, 'ca', 'ca.crt');
        copyFileSync(path.join(of.target, 'ca.crt'), caFile);
        const command = program.script({ web: web.url('web.test'), registry: registry.address, caFile, folder });
        const script = `timeout ${longestSeconds} sh -c '${command}' </dev/null`;
        const env = { ...containersEnvironment(folder), NO_PROXY: '', HOME: folder };
        return { program, ...(await use.fixture.try(of, `${before}\n${script}`, env)) };
      }),
    );

  const assertAll = (tried: readonly Tried[], isRight: (run: Tried) => boolean): void => {
    const wrong = tried.filter((run) => !isRight(run));
    const told = wrong.map(({ program, status, output }) => `--- ${program.program} (${status}):\n${output}`);
    assert.equal(wrong.length, 0, told.join('\n'));
  };
  const assertServed = (tried: readonly Tried[]): void => assertAll(tried, ({ status }) => status === 0);

  /** It fails, and shows just as much of the reason as the table has it. */
  const assertRefused = (
    tried: readonly Tried[],
    part: 'atConnect' | 'inTunnel',
    status: RegExp,
    reason: RegExp,
    rest: RegExp,
  ): void =>
    assertAll(tried, (run) => {
      const { program, status: code, output } = run;
      return code !== 0 && shownBy(output, status, reason, rest) === program[part];
    });

  // What the proxy remembers for ten seconds is taken away first, and seen to be gone last.
  it('but do with a volume of their own, with a right and with a Secret', async () => {
    const { fixture } = use;
    going = await volumeOf('web-going,hub-going');
    for (const each of [volume, going]) assertServed(await tryAll(each));
    fixture.api.delete('secrets', { namespace: 'ci', name: 'going' });
    short = fixture.node.volume();
    await eventually('the volume is mounted before its token has expired', async () => {
      await fixture.publish(short, ofGood, 2).catch(() => undefined);
      return short.isMounted();
    });
  });

  it('without a token', async () => {
    const before = web.seen.length;
    const bare = `export http_proxy=http://127.0.0.1:${use.fixture.proxy.port} https_proxy=http://127.0.0.1:${use.fixture.proxy.port}`;
    assertRefused(
      await tryAll(volume, bare),
      'atConnect',
      /407|Proxy Authentication Required/,
      /proxy credentials missing/,
      /use the user name and password of the proxy URL in the volume/,
    );
    assert.equal(web.seen.length, before);
  });

  it('with a token that has expired, and do again once the volume has the next', async () => {
    const page = `curl -s --cacert ca.crt ${web.url('web.test')}/page`;
    await eventually('its token has expired', async () => (await use.fixture.try(short, page)).status !== 0);
    const before = web.seen.length;
    assertRefused(
      await tryAll(short),
      'atConnect',
      /407|Proxy Authentication Required/,
      /token expired/,
      /read http_proxy and https_proxy from the volume again/,
    );
    assert.equal(web.seen.length, before);
    await use.fixture.publish(short, ofGood);
    assertServed(await tryAll(short));
  });

  it('as another account', async () => {
    const revoke = use.fixture.allow(['web-good', 'hub-good'], 'stranger');
    const strange = await volumeOf('web-good,hub-good', 'stranger');
    revoke();
    const before = web.seen.length;
    assertRefused(await tryAll(strange), 'atConnect', /403|Forbidden/, mayNotUse, /ci:stranger cannot get/);
    assert.equal(web.seen.length, before);
  });

  it('once the Secret is deleted, and to a tool whose certificate nobody vouches for', async () => {
    const unknown = await volumeOf('web-unknown,hub-unknown');
    const page = `curl -sS --cacert ca.crt ${web.url('web.test')}/page`;
    const isGone = async (): Promise<boolean> => (await use.fixture.try(going, page)).output.includes('going');
    await eventually('the Secret is gone', isGone, forgottenMs);
    const before = web.seen.length;
    // Together, since oras asks again for seven seconds, whatever it is told to do.
    const [ofGoing, ofUnknown] = await Promise.all([tryAll(going), tryAll(unknown)]);
    const gone = /Secret ci\/going does not exist \(connector ci\/(web|hub)-going\)/;
    assertRefused(ofGoing, 'inTunnel', /502|Bad Gateway/, gone, /create it, or change spec\.auth\.secretRef/);
    const unvouched = /Secret ci\/login of spec\.caCertSecretRef holds no certificate/;
    assertRefused(ofUnknown, 'inTunnel', /502|Bad Gateway/, unvouched, /it has to hold the certificate of the CA/);
    assert.equal(web.seen.length, before);
  });
});
