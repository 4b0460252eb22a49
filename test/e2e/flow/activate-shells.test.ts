import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { TestVolume } from '../../support/driver/test-volume.js';
import { shells } from '../../support/e2e/activation.js';
import { toolPassword, useFlowFixture } from '../../support/e2e/flow-fixture.js';
import { startGitServer } from '../../support/e2e/git-server.js';
import { exampleSpec } from '../../support/e2e/tekton-step.js';
import { ToolServer } from '../../support/proxy/tool-server.js';

const host = 'tools.test';
const login = `robot:${toolPassword}`;
const basic = `Basic ${Buffer.from(login).toString('base64')}`;
const programs = ['dash', 'busybox', 'bash', 'mksh', 'ksh93', 'zsh', 'curl', 'git', 'npm'];

/** As scripts that are strict and traced run them. The tools require TLS and a password, and only the proxy finds them. */
describe('programs after `activate`, in each shell', function () {
  this.timeout(120_000);
  let volume: TestVolume;
  let commands: Readonly<Record<string, { readonly words: readonly string[]; readonly prints: RegExp }>>;
  let runs = 0;

  const use = useFlowFixture({ hosts: [host] }, programs, async (fixture) => {
    const made = await fixture.without(`mkdir repositories && cd repositories && git init -q -b main --bare app.git
      git init -q -b main first && cd first && git -c user.name=ci -c user.email=ci@example.com commit -q --allow-empty -m first
      git push -q ../app.git main`);
    assert.equal(made.status, 0, made.output);
    const git = await startGitServer(path.join(fixture.work, 'repositories'), host, login);
    fixture.onStop(() => git.stop());
    const contents: Readonly<Record<string, string>> = {
      '/page': 'welcome',
      '/thing': JSON.stringify({
        name: 'thing',
        'dist-tags': { latest: '1.2.3' },
        versions: { '1.2.3': { version: '1.2.3' } },
      }),
    };
    const web = await ToolServer.start(
      'https',
      ({ url = '', headers }, response) => {
        const found = contents[url];
        response.writeHead(headers.authorization !== basic ? 401 : found === undefined ? 404 : 200).end(found);
      },
      [host],
    );
    fixture.onStop(() => web.stop());
    fixture.useClass('npm');
    fixture.connect('git', git.url(host), { secret: 'login' });
    fixture.connect('npm', web.url(host), { className: 'npm', secret: 'login' });
    fixture.onStop(fixture.allow(['git', 'npm']));
    volume = await fixture.volume({ attributes: { connectors: 'git,npm', 'configuration.names': 'npmrc' } });
    commands = {
      curl: { words: ['curl', '-sSf', `${web.url(host)}/page`], prints: /^welcome$/ },
      git: { words: ['git', 'ls-remote', `${git.url(host)}/app.git`], prints: /^[0-9a-f]{40}\trefs\/heads\/main$/m },
      npm: { words: ['npm', 'view', '--no-update-notifier', 'thing', 'version'], prints: /^1\.2\.3$/m },
    };
  });

  const assertWorks = async (words: readonly string[], prints: RegExp): Promise<void> => {
    const { fixture } = use;
    const folder = path.join(fixture.work, `run-${(runs += 1)}`);
    mkdirSync(folder);
    const { status, stdout, output } = await fixture.run(words, folder, { HOME: folder, TMPDIR: folder });
    assert.equal(status, 0, `${output}\n${fixture.proxy.log.slice(-2000)}`);
    assert.match(stdout, prints);
    assert.ok(!output.includes(volume.token), 'the trace has the token');
    assert.doesNotMatch(output, /connectors-csi: /);
  };

  it('sh, as the Tekton StepAction with-connectors: curl', async () => {
    const step = exampleSpec('StepAction', 'with-connectors') as Readonly<
      Record<'command' | 'args', readonly string[]>
    >;
    const { words, prints } = commands['curl']!;
    const filledIn = [...step.command, ...step.args].flatMap((word) =>
      word === '$(params.COMMAND[*])' ? words : [word.replace('$(params.DIRECTORY)', volume.target)],
    );
    await assertWorks(filledIn, prints);
  });

  for (const [name, shell] of Object.entries(shells)) {
    for (const program of ['curl', 'git', 'npm'] as const) {
      it(`${name}: ${program}`, async () => {
        const { words, prints } = commands[program]!;
        const script = `. ${volume.target}/activate\n${words.join(' ')}`;
        await assertWorks([...shell, '-euxc', script], prints);
        await assertWorks([...shell, '-eux', path.join(volume.target, 'activate'), ...words], prints);
      });
    }
  }
});
