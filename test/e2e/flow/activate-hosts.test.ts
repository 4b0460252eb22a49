import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import path from 'node:path';
import { activated, afterOneLine, basic, connected, withTls } from '../../support/e2e/activated.ts';
import { proven } from '../../support/e2e/compatibility.ts';
import { toolPassword, useFlowFixture } from '../../support/e2e/flow-fixture.ts';
import { GitLfsServer } from '../../support/e2e/git-lfs-server.ts';
import { needsKnownPorts, ownAddress } from '../../support/e2e/host-names.ts';
import { ToolServer } from '../../support/proxy/tool-server.ts';

const host = 'git.test';
/** gh accepts no port in the name of a server. */
const github = 'github.test';
const large = 'a large file\n';

describe('clients of Git servers after `activate`, with no other setting', function () {
  this.timeout(120_000);
  let server: GitLfsServer;
  before(needsKnownPorts);
  const use = useFlowFixture(
    { hosts: [host], knownHosts: [github], ...withTls },
    ['git', 'git-lfs', 'gh'],
    async (fixture) => {
      const oid = createHash('sha256').update(large).digest('hex');
      const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${oid}\nsize ${large.length}\n`;
      // Debian's package sets the filters of Git LFS for all users, and its hook would upload the file.
      const made = await fixture.without(
        `mkdir repositories && cd repositories
        git init -q -b main --bare app.git
        git init -q -b main first && cd first
        echo '*.bin filter=lfs diff=lfs merge=lfs -text' >.gitattributes
        printf '%s' '${pointer}' >large.bin
        git add . && git -c user.name=ci -c user.email=ci@example.com commit -q -m first && git push -q ../app.git main`,
        { GIT_CONFIG_NOSYSTEM: '1' },
      );
      assert.equal(made.status, 0, made.output);
      server = await GitLfsServer.start(path.join(fixture.work, 'repositories'), host, `robot:${toolPassword}`);
      server.objects.set(oid, large);
      fixture.onStop(() => server.tool.stop());
    },
  );
  /** The filters of Git LFS, which are a setting of git. */
  const install = 'git lfs install --skip-repo >&2';
  const clone = (): string => `git clone -q ${server.tool.url(host)}/app.git`;

  it(...proven('activate-git-lfs'), async () => {
    const { fixture } = use;
    const volumes = await connected(fixture, server.tool.url(host), {
      className: 'git',
      rules: { access: 'read-only' },
    });
    const job = { before: install, command: clone(), after: 'cat app/large.bin' };
    assert.equal(await activated(fixture, 'activate-git-lfs', volumes, job), large);

    const upload = `${clone()} && cd app && echo more >more.bin && git add more.bin
      git -c user.name=ci -c user.email=ci@example.com commit -q -m more
      git -c lfs.locksverify=false lfs push origin main 2>&1 || echo "ended with $?"`;
    const denied = await afterOneLine(fixture, volumes.http, { before: install, command: upload });
    assert.match(denied, /Authorization error/);
    assert.match(denied, /ended with [1-9]/);
    assert.equal(server.objects.size, 1);

    const permitted = await connected(fixture, server.tool.url(host));
    const uploaded = await afterOneLine(fixture, permitted.http, { before: install, command: upload });
    assert.doesNotMatch(uploaded, /ended with/);
    assert.deepEqual([...server.objects.values()], [large, 'more\n']);
  });

  it(...proven('activate-gh'), async () => {
    const { fixture } = use;
    const api = new ToolServer(
      'https',
      ({ url, headers }, response) => {
        if (headers.authorization !== basic) response.writeHead(401).end();
        else
          response
            .writeHead(url === '/api/v3/user' ? 200 : 404, { 'Content-Type': 'application/json' })
            .end('{"id":1}');
      },
      [github],
    );
    await new Promise<void>((resolve) => api.server.listen(443, ownAddress, resolve));
    fixture.onStop(() => api.stop());
    const volumes = await connected(fixture, `https://${github}`, {
      className: 'github',
      configuration: 'githubconfig',
    });
    assert.equal(
      await activated(fixture, 'activate-gh', volumes, { command: `gh api --hostname ${github} user` }),
      '{"id":1}',
    );
  });
});
