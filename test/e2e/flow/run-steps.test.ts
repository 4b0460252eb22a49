import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { TestVolume } from '../../support/driver/test-volume.ts';
import { proven } from '../../support/e2e/compatibility.ts';
import { toolPassword, useFlowFixture } from '../../support/e2e/flow-fixture.ts';
import { containersEnvironment, needsRootForContainers, ownLimits } from '../../support/e2e/programs.ts';
import { pythonWheel } from '../../support/e2e/python-wheel.ts';
import { imagePolicy } from '../../support/e2e/tekton-step.ts';
import { CertificateAuthority } from '../../support/tls/certificate-authority.ts';
import { ToolServer } from '../../support/proxy/tool-server.ts';

const host = 'tools.test';
const basic = `Basic ${Buffer.from(`robot:${toolPassword}`).toString('base64')}`;

/** Package installs in the RUN steps of an image build, by connectors, with real buildah. */
describe('a RUN step of an image build', function () {
  this.timeout(120_000);
  let volume: TestVolume;
  before(needsRootForContainers);
  const use = useFlowFixture({ hosts: [host] }, ['buildah', 'netavark', 'npm', 'python3'], async (fixture) => {
    const contents: Record<string, string | Buffer> = {};
    const tool = await ToolServer.start(
      'https',
      ({ url = '', headers }, response) => {
        const found = contents[url];
        if (headers.authorization !== basic) response.writeHead(401, { 'WWW-Authenticate': 'Basic' }).end();
        else response.writeHead(found === undefined ? 404 : 200, { 'Content-Type': 'text/html' }).end(found ?? '');
      },
      [host],
    );
    fixture.onStop(() => tool.stop());
    const made = await fixture.without(`${pythonWheel}
      mkdir package && echo '{"name":"thing","version":"1.0.0"}' >package/package.json && tar -czf thing.tgz package`);
    assert.equal(made.status, 0, made.output);
    const tarball = readFileSync(path.join(fixture.work, 'thing.tgz'));
    const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`;
    const dist = { tarball: `${tool.url(host)}/thing.tgz`, integrity };
    const versions = { '1.0.0': { name: 'thing', version: '1.0.0', dist } };
    contents['/thing'] = JSON.stringify({ name: 'thing', 'dist-tags': { latest: '1.0.0' }, versions });
    contents['/thing.tgz'] = tarball;
    contents['/simple/thing/'] = '<a href="../../thing-1-py3-none-any.whl">thing-1-py3-none-any.whl</a>';
    contents['/thing-1-py3-none-any.whl'] = readFileSync(path.join(fixture.work, 'thing-1-py3-none-any.whl'));
    for (const className of ['npm', 'pypi']) {
      fixture.useClass(className);
      fixture.connect(className, tool.url(host), { className, secret: 'login' });
    }
    fixture.allow(['npm', 'pypi']);
    volume = await fixture.volume({ attributes: { connectors: 'npm,pypi', 'configuration.names': 'npmrc,pipconf' } });
  });

  /** An image that has nothing but links to this machine's programs, which the build mounts. */
  const prepare = (dockerfile: string): string => {
    const { work } = use.fixture;
    const context = path.join(work, 'context');
    for (const folder of ['root/tmp', 'root/app', 'root/etc/ssl/certs']) {
      mkdirSync(path.join(context, folder), { recursive: true });
    }
    for (const folder of ['bin', 'sbin', 'lib', 'lib64'])
      symlinkSync(`usr/${folder}`, path.join(context, 'root', folder));
    writeFileSync(path.join(context, 'root/etc/ssl/certs/ca-certificates.crt'), new CertificateAuthority().certificate);
    mkdirSync(path.join(work, 'config/containers'), { recursive: true });
    writeFileSync(path.join(work, 'config/containers/policy.json'), imagePolicy);
    writeFileSync(path.join(context, 'Dockerfile'), dockerfile);
    return context;
  };

  it(...proven('run-step'), async () => {
    const { fixture } = use;
    const { work } = fixture;
    const activate = '. /connectors/activate';
    const context = prepare(`FROM scratch
COPY root /
WORKDIR /app
ENV PATH=${path.dirname(realpathSync(process.execPath))}:/usr/local/bin:/usr/bin:/bin
RUN ${activate} && npm install --no-update-notifier thing && \\
    python3 -m pip download --disable-pip-version-check --no-cache-dir --no-deps thing
`);
    const prefixes = new Set([
      '/usr',
      '/etc/alternatives',
      ...[process.execPath].map((file) => path.dirname(path.dirname(realpathSync(file)))),
    ]);
    const programs = [...prefixes].map((folder) => `--volume ${folder}:${folder}:ro`).join(' ');
    const script = `
      mkdir -p tmp
      buildah --storage-driver vfs bud --http-proxy=false --tag built ${programs} \\
        ${ownLimits()} --volume ${volume.target}:/connectors:ro --volume "$PWD/tmp:/tmp" ${context}
      buildah --storage-driver vfs push -q built dir:${work}/image`;
    const env = { ...containersEnvironment(work), XDG_CONFIG_HOME: path.join(work, 'config') };
    const { status, output } = await fixture.without(script, env);
    assert.equal(status, 0, output);
    assert.ok(!output.includes(volume.token));

    const layers = readdirSync(path.join(work, 'image')).map((name) => readFileSync(path.join(work, 'image', name)));
    const texts = layers.map((bytes) => (bytes[0] === 0x1f ? gunzipSync(bytes) : bytes).toString('latin1'));
    assert.ok(texts.some((text) => text.includes('app/node_modules/thing/package.json')));
    assert.ok(texts.some((text) => text.includes('app/thing-1-py3-none-any.whl')));
    const [, caLine = ''] = fixture.authority.split('\n');
    const traces = [volume.token, 'connectors-csi', 'http_proxy', 'npm_config_userconfig', caLine];
    for (const trace of traces) {
      const found = texts.filter((text) => text.replaceAll(activate, '').includes(trace));
      assert.deepEqual(
        found.map((text) => text.slice(Math.max(0, text.indexOf(trace) - 200), text.indexOf(trace) + 200)),
        [],
        trace,
      );
    }
  });
});
