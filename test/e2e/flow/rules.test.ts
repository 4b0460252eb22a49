import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { DockerRegistry } from '../../support/e2e/docker-registry.ts';
import { toolPassword, useFlowFixture } from '../../support/e2e/flow-fixture.ts';
import type { FlowFixture } from '../../support/e2e/flow-fixture.ts';
import { startGitServer } from '../../support/e2e/git-server.ts';
import { makeRepository, skopeo } from '../../support/e2e/program-rounds.ts';
import { containersEnvironment } from '../../support/e2e/programs.ts';
import { RegistryTokenService } from '../../support/e2e/registry-token-service.ts';
import { secret } from '../../support/proxy/manifests.ts';
import type { ToolServer } from '../../support/proxy/tool-server.ts';

const host = 'git.test';
const login = { username: 'robot', password: toolPassword };
const readOnly = { access: 'read-only' };
const programs = ['git', 'skopeo', 'docker-registry'];

describe('programs and rules of their connectors', function () {
  this.timeout(120_000);
  let git: ToolServer;
  let htpasswd: DockerRegistry;
  let tokens: RegistryTokenService;
  let withTokens: DockerRegistry;
  const hosts = [host, 'hub.test', 'secure.test', 'tokens.test'];
  const use = useFlowFixture({ hosts }, programs, async (fixture: FlowFixture) => {
    const { work } = fixture;
    const at = (name: string): string => path.join(work, name);
    await makeRepository(fixture, 'app');
    git = await startGitServer(work, host, `robot:${toolPassword}`);
    htpasswd = await DockerRegistry.start({ directory: at('hub'), host: 'hub.test', auth: login });
    tokens = await RegistryTokenService.start('tokens.test', `robot:${toolPassword}`);
    withTokens = await DockerRegistry.start({ directory: at('secure'), host: 'secure.test', auth: tokens });
    for (const server of [git, tokens, htpasswd, withTokens]) fixture.onStop(() => server.stop());
    fixture.put(secret('registry', 'cpaas.io/distribution-registry-token', login));
    fixture.useClass('git');
    fixture.connect('git', git.url(host), { secret: 'login', className: 'git', rules: readOnly });
    fixture.connect('hub', htpasswd.url, { secret: 'registry' });
    fixture.connect('hub-pull', htpasswd.url, { secret: 'registry', rules: readOnly });
    fixture.connect('secure', withTokens.url, { secret: 'registry', extensions: [tokens.url] });
    fixture.connect('secure-pull', withTokens.url, { secret: 'registry', extensions: [tokens.url], rules: readOnly });
    fixture.allow(['git', 'hub', 'hub-pull', 'secure', 'secure-pull']);
  });

  const volumeOf = (connectors: string) => use.fixture.volume({ attributes: { connectors } });

  for (const mode of ['intercepted', 'reverse'] as const) {
    it(`let git clone and fetch, and deny its push with the reason, in ${mode} mode`, async () => {
      const { fixture } = use;
      const volume = await volumeOf('git');
      const env = { GIT_SSL_CAINFO: path.join(volume.target, 'ca.crt'), GIT_TERMINAL_PROMPT: '0' };
      const url =
        mode === 'intercepted'
          ? `url=${git.url(host)}/app.git`
          : 'unset http_proxy https_proxy\nurl=$(cat connector.status.proxyAddress)/app.git\nset -- -c "http.extraHeader=Authorization: Bearer $(cat context.token)"';
      const script = `${url}
        cd "$HOME" && git "$@" clone -q "$url" ${mode} && cd ${mode} && git "$@" fetch -q
        git log --format=%s origin/main`;
      assert.equal(await fixture.task(volume, script, env), 'first\n');
      const push = `${url}
        cd "$HOME/${mode}" && git -c user.name=ci -c user.email=ci@example.com commit -q --allow-empty -m second
        git "$@" push "$url" main`;
      const { status, output } = await fixture.try(volume, push, env);
      assert.notEqual(status, 0);
      assert.match(output, /connector ci\/git is read-only: git push can write here/);
      assert.equal((await fixture.without(`git -C app.git log --format=%s main`)).stdout, 'first\n');
    });
  }

  it('let skopeo copy from a registry, and deny a copy to it before a byte of a layer is sent', async () => {
    const { fixture } = use;
    const { work } = fixture;
    const env = containersEnvironment(work);
    mkdirSync(path.join(work, 'image'));
    const layer = 'layer of an image';
    const made = await fixture.without(
      `cd image && printf '%s' '${layer}' >file && tar -cf layer.tar file && cp layer.tar "$(sha256sum layer.tar | cut -c -64)"
      layer=$(sha256sum layer.tar | cut -c -64) size=$(stat -c %s layer.tar) && rm layer.tar file
      printf '{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:%s"]},"config":{}}' "$layer" >config
      config=$(sha256sum config | cut -c -64) length=$(stat -c %s config) && mv config "$config"
      type=application/vnd.oci.image
      printf '{"schemaVersion":2,"mediaType":"%s.manifest.v1+json","config":{"mediaType":"%s.config.v1+json","digest":"sha256:%s","size":%s},"layers":[{"mediaType":"%s.layer.v1.tar","digest":"sha256:%s","size":%s}]}' \\
        $type $type "$config" "$length" $type "$layer" "$size" >manifest.json
      printf 'Directory Transport Version: 1.1\\n' >version`,
    );
    assert.equal(made.status, 0, made.output);
    const copy = (from: string, to: string): string =>
      skopeo(fixture, (certs) => `copy -q --src-cert-dir ${certs} --dest-cert-dir ${certs} ${from} ${to}`);
    for (const [name, registry] of [
      ['hub', htpasswd],
      ['secure', withTokens],
    ] as const) {
      const image = `docker://${registry.address}/team/app`;
      await fixture.task(await volumeOf(name), copy(`dir:${work}/image`, `${image}:1`), env);
      const asked = tokens.seen.length;
      const pulling = await volumeOf(`${name}-pull`);
      await fixture.task(pulling, copy(`${image}:1`, `dir:${work}/from-${name}`), env);
      const before = registry.served.length;
      const pushed = await fixture.try(
        pulling,
        copy(`dir:${work}/image`, `docker://${registry.address}/team/new:1`),
        env,
      );
      assert.notEqual(pushed.status, 0);
      assert.match(pushed.output, new RegExp(`connector ci/${name}-pull is read-only`));
      const served = registry.served.slice(before);
      assert.ok(
        served.every((line) => /^(?:GET|HEAD) /.test(line)),
        served.join('\n'),
      );
      for (const { url } of tokens.seen.slice(asked)) assert.doesNotMatch(decodeURIComponent(url), /push|delete|\*/);
    }
  });
});
